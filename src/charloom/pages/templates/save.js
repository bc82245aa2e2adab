// Buttons below each picture and each table that save it as a file, from the page's content, without a request.
"use strict"
if (/^(file|https?):$/.test(location.protocol)) { // a frame in another program may forbid downloads
  const MARGIN = 14 // points around a picture, in which labels may lie
  const folder = location.pathname.split("/").at(-2)
  const light = document.styleSheets[0].cssRules[0].style // a file has the colours of the light mode

  const svgOf = picture => {
    const [, , width, height] = picture.getAttribute("viewBox").split(" ").map(n => Number(n) + 2 * MARGIN)
    const copy = picture.cloneNode(true)
    const look = { viewBox: `-${MARGIN} -${MARGIN} ${width} ${height}`, width: `${width}pt`, height: `${height}pt` }
    Object.entries({ ...look, fill: "var(--ink)" }).forEach(entry => copy.setAttribute(...entry))
    return new XMLSerializer().serializeToString(copy)
      .replace(">", `><rect x="-${MARGIN}" y="-${MARGIN}" width="100%" height="100%" fill="var(--page)"/>`)
      .replace(/<[^>]*>/g, tag => tag // not the texts, which contain names that users chose
        .replace(/var\((--\w+)\)/g, (_, name) => light.getPropertyValue(name).trim())
        .replaceAll("'DejaVu Sans'", "'DejaVu Sans', Verdana, Arial, sans-serif"))
  }

  const cellOf = ({ textContent: text }) =>
    /^[-−]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(",", "")
      : /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  const rowOf = ({ cells }) => [...cells].map(cellOf).join(",").replace(/−(?=\d)/g, "-") + "\n"
  const csvOf = box => [...box.querySelectorAll("tr")].map(rowOf).join("")

  const offer = (last, kind, name, content) => {
    let line = last
    if (!line.matches(".save")) {
      line = Object.assign(document.createElement("p"), { className: "save", textContent: "Save as" })
      last.after(line)
    }
    const button = Object.assign(document.createElement("button"), { textContent: kind, ariaLabel: `${kind}: ${name}` })
    button.onclick = () => {
      const download = `${folder} ${name}`.replace(/[^\p{L}\p{N}_.]+/gu, "-") + `.${kind.toLowerCase()}`
      Object.assign(document.createElement("a"), { download, href: URL.createObjectURL(new Blob([content()])) }).click()
    }
    line.append(" ", button)
  }
  for (const picture of document.querySelectorAll("figure > svg"))
    offer(picture.parentNode.lastElementChild, "SVG", picture.querySelector("title").textContent, () => svgOf(picture))
  for (const box of document.querySelectorAll(".wide"))
    offer(box.closest("figure:has(> svg)")?.lastElementChild ?? box, "CSV", box.ariaLabel, () => csvOf(box))
} else { // nor has the frame the page to which the header links
  for (const link of document.querySelectorAll("header .note")) link.hidden = true
}
