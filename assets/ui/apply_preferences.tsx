import { useEffect } from "react";
import { storePreferences } from "./preferences_cookie";

interface Props {
  /** `light`, `dark` or `system`; empty if the user has chosen none. */
  theme: string;
  timeZone: string;
  isKnown: boolean;
  /** Switches the page to the theme. */
  onTheme?: () => void;
}

/** Applies the preferences of the user that another browser or the account page has changed. It draws nothing. */
export function ApplyPreferences({ theme, timeZone, isKnown, onTheme }: Props) {
  useEffect(() => {
    if (!isKnown) return;
    storePreferences(theme, timeZone);
    if (theme) onTheme?.();
    // `onTheme` is another function at each render.
  }, [theme, timeZone, isKnown]);
  return null;
}
