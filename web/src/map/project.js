// The Natural Earth projection (Tom Patterson; the polynomial of Šavrič, Jenny, Patterson and Petrovič, 2011). make.mjs draws
// the outlines by it, and the page the places.
export const WIDTH = 2000;
export const HEIGHT = 868;
const SCALE = WIDTH / (2 * 0.8707 * Math.PI);
const TOP = 1.3823; // of 84 degrees north, where the northernmost land ends

// project gives the point of a place on the map, from degrees east and north.
export function project(lon, lat) {
  const l = (lon * Math.PI) / 180;
  const p = (lat * Math.PI) / 180;
  const p2 = p * p;
  const p4 = p2 * p2;
  const x = l * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4)));
  const y = p * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4)));
  return [WIDTH / 2 + x * SCALE, (TOP - y) * SCALE];
}
