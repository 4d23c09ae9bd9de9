import { keepAll } from "./unsaved";

/** Go to the sign-in form, which the server renders, and come back to this page afterwards. Text that is not saved is stored in this
 *  browser first; the browser asks before it leaves text that cannot be stored. */
export async function toSignIn() {
  await keepAll();
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}
