// What is wrong with the page as it is shown: a list of texts, each of which says where. `limits` are those of looks.py.
const limits = arguments[0];
const faults = [];
const seen = new Set();

function fault(kind, where, text) {
  const line = `${kind}: ${text}${where ? ` (${path(where)})` : ""}`;
  if (!seen.has(line)) { seen.add(line); faults.push(line); }
}

function path(element) {
  const names = [];
  for (let one = element; one && one !== document.documentElement && names.length < 4; one = one.parentElement) {
    names.unshift(one.tagName.toLowerCase() + (one.id ? `#${one.id}` : typeof one.className === "string" && one.className ? `.${one.className.split(" ")[0]}` : ""));
  }
  return names.join(" > ");
}

function visible(element) {
  return element.checkVisibility({opacityProperty: true, visibilityProperty: true}) && !element.closest("[hidden]");
}

// Colors. The browser itself turns any of CSS's notations into red, green, blue and opacity.
const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
const known = new Map();
function rgba(color) {
  if (!known.has(color)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    known.set(color, [r, g, b, a / 255]);
  }
  return known.get(color);
}
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
function luminance(color) {  // WCAG 2.1
  const [r, g, b] = color.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const follows = getComputedStyle(document.documentElement).colorScheme.includes("dark");
const blank = dark && follows ? [18, 18, 18, 1] : [255, 255, 255, 1];
function background(element) {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.backgroundImage !== "none") return null;  // a picture has no one color
    layers.push(rgba(style.backgroundColor));
  }
  return layers.reduceRight((below, top) => over(top, below), blank);
}
function opacity(element) {
  let product = 1;
  for (let one = element; one; one = one.parentElement) product *= Number(getComputedStyle(one).opacity);
  return product;
}

// The part of a rectangle that its scrolling and clipping ancestors show.
function shown(rect, element) {
  let {left, top, right, bottom} = rect;
  left = Math.max(left, -scrollX);  // what is further left cannot be scrolled to: a drawer that is closed
  for (let one = element; one && one !== document.body; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.overflowX === "visible" && style.overflowY === "visible") continue;
    const frame = one.getBoundingClientRect();
    left = Math.max(left, frame.left); right = Math.min(right, frame.right);
    top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
  }
  return right - left > 1 && bottom - top > 1 ? {left, top, right, bottom} : null;
}
const meet = (a, b, far) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > far && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > far;

function checkDocument() {
  if (!document.title.trim()) fault("title", null, "the page has none");
  if (!document.documentElement.lang) fault("lang", null, "the page has none");
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) {
    const widest = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.parentElement.closest("svg"));
    fault("width", widest.at(-1), `the page is ${wide} pixels wide in a window of ${innerWidth}`);
  }
  if (follows && limits.follows) {
    const paper = luminance(background(document.body) ?? blank);
    if (dark ? paper > 0.2 : paper < 0.8) fault("scheme", null, `the page does not look ${dark ? "dark" : "light"}`);
  }
  let before = 0;
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(visible);
  if (headings.filter((one) => one.tagName === "H1").length !== 1) fault("headings", null, "there is not one h1");
  for (const one of headings) {
    const level = Number(one.tagName[1]);
    if (level > before + 1) fault("headings", one, `h${level} comes after ${before ? `h${before}` : "nothing"}`);
    before = level;
  }
}

function checkLinks() {
  for (const link of document.querySelectorAll("a[href]")) {
    const to = new URL(link.href, document.baseURI);
    if (to.hash && to.href.split("#")[0] === location.href.split("#")[0] && !document.getElementById(decodeURIComponent(to.hash.slice(1)))) {
      fault("link", link, `${to.hash} leads nowhere`);
    }
    if (visible(link) && !(link.textContent.trim() || link.getAttribute("aria-label") || link.title || link.querySelector("img[alt]"))) fault("link", link, "it has no name");
  }
  for (const one of document.querySelectorAll("*")) {
    const style = getComputedStyle(one);
    const scrolls = /auto|scroll/.test(style.overflowX) && one.scrollWidth > one.clientWidth + 1 && visible(one);
    if (scrolls && one !== document.documentElement && one !== document.body && one.tabIndex < 0 && !one.querySelector("a[href], button, input, [tabindex='0']")) {
      if (limits.keyboard) fault("keyboard", one, "it scrolls sideways, and cannot be focused");
    }
  }
}

function checkPictures() {
  for (const one of document.images) {
    if (!visible(one)) continue;
    if (!one.complete || !one.naturalWidth) fault("picture", one, `${one.src.slice(0, 60)} is not there`);
    if (!one.hasAttribute("alt")) fault("picture", one, `${one.src.slice(0, 60)} has no alt`);
    else if (limits.alt && !one.alt.trim()) fault("picture", one, `${one.src.slice(0, 60)} has an empty alt`);
    if (!one.closest(".gallery")) continue;
    const {width, height} = one.getBoundingClientRect();
    if (innerWidth > 1000 && Math.max(width, height) < limits.gallery) fault("gallery", one, `a picture of ${width.toFixed(0)} x ${height.toFixed(0)} pixels`);
    if (width > one.naturalWidth + 1) fault("gallery", one, "a picture is enlarged");
  }
  for (const svg of document.querySelectorAll("svg")) {
    if (!visible(svg) || svg.parentElement.closest("svg")) continue;
    const {width, height} = svg.getBoundingClientRect();
    if (width < 2 || height < 2) fault("drawing", svg, `it is ${width} x ${height} pixels large`);
    if (!svg.closest("[aria-hidden=true], [aria-label], [role=presentation]") && !svg.querySelector("title") && !svg.closest("a, button, label, summary")) fault("drawing", svg, "it has no name");
    checkDrawing(svg, svg.getBoundingClientRect());
  }
}

// Matplotlib writes letters as outlines of 100 units height in groups named text_1, text_2, ...
function checkDrawing(svg, frame) {
  const below = background(svg);
  const lines = rgba(getComputedStyle(document.documentElement).getPropertyValue("--line").trim() || "#0000").slice(0, 3).join();
  const texts = [...svg.querySelectorAll("g[id*='text_'], text")].filter((one) => one.getBoundingClientRect().width > 0);
  for (const one of texts) {
    const letter = one.querySelector("use") ?? one;
    const scale = Math.hypot(letter.getScreenCTM().a, letter.getScreenCTM().b);
    const size = one.tagName === "text" ? parseFloat(getComputedStyle(one).fontSize) * scale : 100 * scale;
    if (size < limits.letters - 0.1) fault("size", svg, `letters of ${size.toFixed(1)} pixels in a drawing`);
    const box = one.getBoundingClientRect();
    if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) fault("cut", svg, "a text reaches beyond its drawing");
    if (below) checkPaint(letter, over(withOpacity(getComputedStyle(letter).fill, letter), below), below, limits.contrast, "a text");
  }
  texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
    if (!a.contains(b) && !b.contains(a) && meet(a.getBoundingClientRect(), b.getBoundingClientRect(), 2)) fault("overlap", svg, "texts of a drawing lie on each other");
  }));
  if (!below) return;
  for (const one of svg.querySelectorAll("path, rect, circle, ellipse, line, polyline, polygon, use")) {
    if (one.closest("defs, clipPath, g[id*='text_']") || !visible(one)) continue;
    const style = getComputedStyle(one);
    const paints = [style.fill, style.stroke].filter((paint) => paint !== "none" && !paint.startsWith("url"));
    const colors = paints.map((paint) => withOpacity(paint, one)).filter((color) => color[3] > 0 && color.slice(0, 3).join() !== lines);
    // Of two paints, the clearer one shows the shape.
    const best = Math.max(...colors.map((color) => contrast(over(color, below), below)));
    if (colors.length && best < limits.shapes) fault("contrast", svg, `a shape has ${best.toFixed(2)}`);
  }
}
function withOpacity(paint, element) {
  const [r, g, b, a] = rgba(paint);
  return [r, g, b, a * opacity(element)];
}
function checkPaint(element, color, below, least, what) {
  const found = contrast(color, below);
  if (found < least) fault("contrast", element, `${what} has ${found.toFixed(2)}`);
}

function checkTexts() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const places = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest("svg, script, style, noscript, template, select, .md-skip") || !visible(one)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].map((rect) => shown(rect, one)).filter(Boolean);
    if (!rects.length) continue;
    const style = getComputedStyle(one), size = parseFloat(style.fontSize), text = node.data.trim().slice(0, 40);
    if (size < limits.text - 0.1) fault("size", one, `${JSON.stringify(text)} has letters of ${size.toFixed(1)} pixels`);
    const below = background(one);
    if (below) checkPaint(one, over(withOpacity(style.color, one), below), below, limits.contrast, JSON.stringify(text));
    if (/hidden|clip/.test(style.overflowX) && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1) fault("cut", one, `${JSON.stringify(text)} is cut`);
    // Lines may stand close: what counts is the middle of the letters.
    for (const rect of rects) places.push({one, text, left: rect.left, right: rect.right, top: rect.top + 0.3 * (rect.bottom - rect.top), bottom: rect.bottom - 0.3 * (rect.bottom - rect.top)});
  }
  places.sort((a, b) => a.top - b.top);
  for (let i = 0; i < places.length; i++) {
    for (let j = i + 1; j < places.length && places[j].top < places[i].bottom; j++) {
      if (places[i].one !== places[j].one && meet(places[i], places[j], 1)) fault("overlap", places[j].one, `${JSON.stringify(places[i].text)} and ${JSON.stringify(places[j].text)} lie on each other`);
    }
  }
}

function checkCaptions() {
  for (const one of document.querySelectorAll("caption, figcaption, .caption")) {
    const frames = [];
    for (let above = one; above && above !== document.body; above = above.parentElement) {
      if (getComputedStyle(above).overflowX !== "visible") frames.push(above.getBoundingClientRect().right);
    }
    if (visible(one) && one.getBoundingClientRect().right > Math.min(...frames, innerWidth) + 1) fault("caption", one, "it is cut, and has to be scrolled to be read");
  }
}

document.querySelectorAll("details").forEach((one) => { one.open = true; });
scrollTo(0, 0);
checkDocument();
checkLinks();
checkPictures();
checkTexts();
checkCaptions();
return faults;
