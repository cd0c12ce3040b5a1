// What the address of the page keeps behind the #: #/connections?filter=...&sort=-rx. Pure functions.

export interface Place { view: string; params: URLSearchParams }

/** Reads what stands behind the #. */
export function parsePlace(hash: string): Place {
  const text = hash.replace(/^#\/?/, "");
  const at = text.indexOf("?");
  return { view: at < 0 ? text : text.slice(0, at), params: new URLSearchParams(at < 0 ? "" : text.slice(at + 1)) };
}

/** Writes it. */
export function formatPlace({ view, params }: Place): string {
  const query = params.toString();
  return `#/${view}${query ? "?" + query : ""}`;
}

/** The token of an address that sockeye serve status printed (#token=...), or null. */
export function tokenOf(hash: string): string | null {
  return hash.startsWith("#token=") ? new URLSearchParams(hash.slice(1)).get("token") : null;
}
