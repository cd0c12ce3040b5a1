import type { View } from "../interface.ts";

/** The world with the remote ends. */
export const mapView: View = {
  name: "map", title: "Map",
  mount() { return { unmount() {} }; },
};
