// The cookie with the theme and the time zone of the user. The server sets it at the sign-in, so that the first page has them before it is drawn.

const NAME = "puras-preferences", YEAR_S = 365 * 86_400;

let read: { cookie: string; zone: string | undefined } | null = null;

/** The time zone that the user has chosen; undefined: that of the browser. */
export function timeZone(): string | undefined {
  if (typeof document === "undefined") return undefined;
  const { cookie } = document;
  if (read?.cookie !== cookie) read = { cookie, zone: valid(parts(cookie)[1]) };
  return read.zone;
}

/** Store the preferences in the browser. */
export function storePreferences(theme: string, zone: string): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${NAME}=${encodeURIComponent(`${theme}|${zone}`)}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
}

function parts(cookie: string): string[] {
  const value = cookie.split("; ").find((one) => one.startsWith(`${NAME}=`))?.slice(NAME.length + 1) ?? "";
  try {
    return decodeURIComponent(value).split("|");
  } catch {
    return [];
  }
}

/** The zone, unless this browser does not know it: a format with it would throw. */
function valid(zone: string | undefined): string | undefined {
  if (!zone) return undefined;
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: zone });
    return zone;
  } catch {
    return undefined;
  }
}
