import { keepAll } from "./unsaved";

/** Redirect to the sign-in form, which the server renders and which returns to this page. Unsaved text is stored in this browser
 *  first; the browser asks for confirmation if text cannot be stored. */
export async function toSignIn() {
  await keepAll();
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}
