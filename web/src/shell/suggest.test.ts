import { test } from "node:test";
import assert from "node:assert/strict";
import { fields, guesses, suggest } from "./suggest.ts";

const none = () => [];

test("a word alone is taken for what it most likely means", () => {
  for (const [text, want] of [
    ["443", "port = 443"], [":53", "port = 53"], ["10.0.0.0/8", "dst 10.0.0.0/8 or src 10.0.0.0/8"], ["2001:db8::1", "dst 2001:db8::1 or src 2001:db8::1"],
    ["nginx", "process ~ nginx"], ["listening", "state listening"], ["a'b", "process ~ 'ab'"], ["naïve", "process ~ 'naïve'"],
  ] as const) assert.equal(guesses(text, true)[0]?.text, want, text);
  for (const text of ["state", "dport = 443", "port=443", "(x", "not"]) assert.deepEqual(guesses(text, true), [], text);
});

test("without the token nothing about processes is offered", () => {
  assert.equal(guesses("nginx", false)[0]?.text, "user = nginx");
  for (const text of ["", "p", "proc", "pid "]) assert.ok(!suggest(text, none, false).some((s) => /process|pid|unit|owner/.test(s.show)), text);
});

test("fields, comparisons and values follow each other", () => {
  assert.equal(suggest("dpo", none, true)[0]?.text, "dport ");
  assert.deepEqual(suggest("process ", none, true).map((s) => s.show), ["~", "=", "!=", "!~"]);
  assert.deepEqual(suggest("process = ng", (f) => f === "process" ? ["nginx", "sshd", "Web Content"] : [], true).map((s) => s.text), ["process = nginx"]);
  assert.equal(suggest("process = web", () => ["Web Content"], true)[0]?.text, "process = 'Web Content'");
  assert.equal(suggest("state est", none, true)[0]?.text, "state established");
  assert.ok(suggest("state established ", none, true).some((s) => s.text === "state established and "));
  assert.equal(suggest("not (cou", none, true)[0]?.text, "not (country ");
});

test("whatever is written, something sensible is offered and nothing fails", () => {
  for (const text of ["'", "((", "= =", "x y z", "process ~ '[", "\u202e", " ", "!", ...fields.map((f) => f.name + " ")]) suggest(text, none, true);
});
