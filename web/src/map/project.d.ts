/** The width and height of the map, in its own units. */
export const WIDTH: number;
export const HEIGHT: number;
/** project gives the point of a place on the map, from degrees east and north. */
export function project(lon: number, lat: number): [number, number];
