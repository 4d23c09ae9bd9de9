// File uploads to the REST API with the session of the user. They use XMLHttpRequest, since fetch does not report upload progress.

import { newKey } from "./api";
import { toSignIn } from "./sign_in";

/** POST a form; resolves to the body of the response, rejects with the API's error body. */
export function post(path, form, { project, csrf, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.setRequestHeader("X-Puras-Project", project);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Idempotency-Key", newKey());
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 401) toSignIn();
      (request.status < 300 ? resolve : reject)(request.response ?? { detail: `The server returned status ${request.status} without details.` });
    };
    request.onerror = () => reject({ detail: "The connection was lost during the upload. Try again." });
    request.send(form);
  });
}

/** Put one file into the project's drive. */
export function toDrive(file, options) {
  const form = new FormData();
  form.append("file", file, file.name);
  return post("/v1/drive/upload", form, options);
}
