// File uploads to the REST API with the session of the user. They use XMLHttpRequest, since fetch does not report upload progress.

import type { UploadRead } from "../../clients/typescript/src/generated";
import { type ApiError, newKey } from "./api";
import { toSignIn } from "./sign_in";

export interface UploadOptions {
  project: string;
  csrf: string;
  /** Receives the share that was sent, from 0 to 1. */
  onProgress?: (part: number) => void;
}

/** POST a form; resolves to the body of the response, rejects with the API's error body. */
export function post<Body>(path: string, form: FormData, { project, csrf, onProgress }: UploadOptions) {
  return new Promise<Body>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.setRequestHeader("X-Puras-Project", project);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Idempotency-Key", newKey());
    request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress?.(event.loaded / event.total); };
    request.onload = () => {
      if (request.status === 401) toSignIn();
      if (request.status < 300 && request.response) resolve(request.response as Body);
      else reject((request.response ?? { detail: `The server returned status ${request.status} without details.` }) as ApiError);
    };
    request.onerror = () => reject({ detail: "The connection was lost during the upload. Try again." } satisfies ApiError);
    request.send(form);
  });
}

/** Put one file into the project's drive. */
export function toDrive(file: File, options: UploadOptions) {
  const form = new FormData();
  form.append("file", file, file.name);
  return post<UploadRead>("/v1/drive/upload", form, options);
}
