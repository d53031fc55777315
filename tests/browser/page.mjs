/**
 * Opens pages in Chromium and looks at them: `node page.mjs '{"chromium": PATH, "url": URL, "steps": [...]}'`.
 *
 * Steps are done in their order on one page; the answer is one JSON list with what each found:
 *   {"do": "open", "url"}                   {"status", "title", "errors"} - errors: what the console said
 *   {"do": "text", "of": SELECTOR}          the texts of all elements
 *   {"do": "attributes", "of": SELECTOR, "names"}   these attributes of all elements: [{NAME: VALUE}]
 *   {"do": "click", "on": SELECTOR}         waits for the page that follows: its address
 *   {"do": "press", "keys": [...]}          the element that has the focus after each key
 *   {"do": "axe"}                           violations, worst first: [{"id", "impact", "nodes"}]
 *   {"do": "screenshot", "to": FILE}
 *   {"do": "view", "width", "height", "dark", "scripts"}   a new page with this look
 *   {"do": "width"}                         by how many pixels the page is wider than the window
 *   {"do": "requests"}                      addresses of everything that was loaded
 *   {"do": "wait", "for": SELECTOR, "text"} until an element has this text
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { chromium: executablePath, steps } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

let page;
let errors = [];
let requests = [];

async function view({ width = 1280, height = 900, dark = false, scripts = true } = {}) {
  await page?.context().close();
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: scripts,
    reducedMotion: "reduce",
  });
  page = await context.newPage();
  [errors, requests] = [[], []];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
}

const done = {
  view,
  async open({ url }) {
    const response = await page.goto(url, { waitUntil: "load" });
    return { status: response.status(), title: await page.title(), errors };
  },
  text: ({ of }) => page.locator(of).allInnerTexts(),
  attributes: ({ of, names }) =>
    page.locator(of).evaluateAll(
      (found, all) => found.map((one) => Object.fromEntries(all.map((name) => [name, one.getAttribute(name)]))),
      names,
    ),
  async click({ on }) {
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.locator(on).first().click()]);
    return page.url();
  },
  async press({ keys }) {
    const seen = [];
    for (const key of keys) {
      await page.keyboard.press(key);
      seen.push(await page.evaluate(() => {
        const at = document.activeElement;
        return { tag: at.tagName, text: (at.getAttribute("aria-label") ?? at.textContent).trim().slice(0, 60) };
      }));
    }
    return seen;
  },
  async axe() {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((one) => one.html).slice(0, 5) }));
  },
  screenshot: ({ to }) => page.screenshot({ path: to, fullPage: true }).then(() => to),
  width: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  requests: () => requests,
  async wait({ for: selector, text }) {
    await page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 30_000 });
  },
};

try {
  await view();
  const found = [];
  for (const step of steps) found.push((await done[step.do](step)) ?? null);
  process.stdout.write(JSON.stringify(found));
} finally {
  await browser.close();
}
