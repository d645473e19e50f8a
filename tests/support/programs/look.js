// What is wrong with a page as it is drawn, told to the page that frames it.
(() => {
  const problems = [];
  const say = (what, element) => problems.push(`${what}: ${describe(element)}`);
  const describe = (element) =>
    `<${element.localName} class="${element.getAttribute("class") || ""}"> ` +
    `${(element.textContent || "").trim().slice(0, 40)}`;
  const all = (selector) => [...document.querySelectorAll(selector)];

  function checkWidth() {
    const width = document.documentElement.scrollWidth;
    if (width > innerWidth) problems.push(`the page is ${width} px wide, the window ${innerWidth}`);
    for (const element of all("body *")) {
      const box = element.getBoundingClientRect();
      if (box.right > innerWidth + 0.5 && !element.closest(".scroll *, pre *")) say("sticks out", element);
    }
  }

  function checkCut() {
    for (const element of all("body *:not(.hidden)")) {
      const style = getComputedStyle(element);
      if (!["hidden", "clip"].includes(style.overflowX) || element.closest("svg")) continue;
      const wide = element.scrollWidth > element.clientWidth + 1 && style.textOverflow !== "ellipsis";
      const high = element.scrollHeight > element.clientHeight + 1 && style.webkitLineClamp === "none"
        && style.textOverflow !== "ellipsis";
      if (wide || high) say("cut off", element);
    }
  }

  function checkPresence() {
    for (const element of all("section, svg, img, header, footer, table")) {
      const box = element.getBoundingClientRect();
      if (box.width < 1 || box.height < 1) say("has no size", element);
      if (element.localName !== "img" && !element.textContent.trim()) say("is empty", element);
      if (element.localName === "img" && !element.naturalWidth) say("is no picture", element);
    }
    for (const section of all("section")) {
      if (section.children.length < 2) say("has nothing under its heading", section);
    }
  }

  const parse = (colour) => {
    const parts = colour.match(/[\d.]+/g).map(Number);
    return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
  };
  const over = (top, below) => top.rgb.map((c, i) => c * top.alpha + below[i] * (1 - top.alpha));
  const luminance = (rgb) => rgb
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);

  function background(element) {
    if (!element) return [255, 255, 255];
    return over(parse(getComputedStyle(element).backgroundColor), background(element.parentElement));
  }

  // WCAG 2, https://www.w3.org/TR/WCAG22/#contrast-minimum
  function checkContrast() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || element.closest("title, style, script, .hidden")) continue;
      const style = getComputedStyle(element);
      const behind = background(element);
      const colour = parse(element.closest("svg") ? style.fill : style.color);
      colour.alpha *= style.opacity;
      const [low, high] = [luminance(over(colour, behind)), luminance(behind)].sort((a, b) => a - b);
      const contrast = (high + 0.05) / (low + 0.05);
      if (contrast < 4.5) say(`contrast ${contrast.toFixed(2)}`, element);
    }
  }

  function checkPlots() {
    for (const svg of all("svg")) {
      const frame = svg.getBoundingClientRect();
      for (const text of svg.querySelectorAll("text")) {
        const box = text.getBoundingClientRect();
        const inside = box.left > frame.left - 1 && box.right < frame.right + 1
          && box.top > frame.top - 1 && box.bottom < frame.bottom + 1;
        if (!inside) say("outside of its plot", text);
      }
      const texts = [...svg.querySelectorAll("text")];
      texts.forEach((one, index) => texts.slice(index + 1).forEach((other) => {
        if (overlap(one.getBoundingClientRect(), other.getBoundingClientRect())) {
          say(`overlaps ${other.textContent}`, one);
        }
      }));
    }
  }

  // A font's box has room above and below its letters, which may overlap.
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.25 * Math.min(a.height, b.height);

  addEventListener("load", () => {
    checkWidth();
    checkCut();
    checkPresence();
    checkContrast();
    checkPlots();
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    parent.postMessage({ frame: name, width: innerWidth, dark, problems }, "*");
  });
})();
