import { expect, go, open, test } from "./fixture.ts";

test.skip(!process.env.SOCKEYE_APART, "it takes addresses of other countries, and so a network of its own");

test("remote ends are on the map, and beside it in words; a click filters", async ({ page, server, listen }) => {
  const here = "203.0.113.10"; // a documentation address, which is nowhere
  const berlin = await listen("22.4.9.10", 443);
  const tokyo = await listen("29.4.4.10", 443);
  for (let i = 0; i < 3; i++) await berlin.connect(here);
  await tokyo.connect(here);
  await open(page, server);
  await go(page, "map");
  const list = page.getByRole("list", { name: "Countries by connections" });
  await expect(list.getByRole("button")).toHaveCount(2);
  await expect(list.getByRole("button").first()).toContainText("Germany");
  await expect(list.getByRole("button").first()).toContainText("3");
  await expect(list.getByRole("button").nth(1)).toContainText("Japan");
  await expect(page.getByRole("list", { name: "Connections without a place" })).toContainText("Documentation");
  await expect(page.getByRole("img", { name: /Map of the world: 4 connections to 2 countries, most of them to Germany 3, Japan 1/ })).toBeVisible();
  await expect(page.locator(".map-dots circle")).toHaveCount(2);
  await expect(page.locator(".map-land path.on")).toHaveCount(2);
  const radii = await page.locator(".map-dots circle").evaluateAll((all) => all.map((c) => Number(c.getAttribute("r"))));
  expect(radii[0]!).toBeGreaterThan(radii[1]!);

  await page.locator(".map-dots circle").first().hover();
  await expect(page.locator(".map-tip")).toContainText("Berlin, Germany · 3 connections · 1 host");
  await list.getByRole("button").nth(1).click();
  await expect(list.getByRole("button")).toHaveCount(1);
  await go(page, "connections");
  await expect(page.getByRole("combobox", { name: "Filter" })).toHaveValue("country = JP");
});

test("without a connection to anywhere the map says so", async ({ page, server }) => {
  await open(page, server);
  await go(page, "map");
  await expect(page.getByRole("img", { name: "Map of the world, without a connection on it" })).toBeVisible();
});
