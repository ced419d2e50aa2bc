/** What all plots share: the sheet with its colours for light and dark screens, text, and what a screen reader says. */

/** Lengths in pixels. */
export const WIDTH = 760
export const MARGIN = 24
export const LINE = 18

/** Distinct for people who confuse colours, and dark or light enough for either sheet. */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ['#0067b8', '#5cb3ff'],
  ['#c2410c', '#ff9d5c'],
  ['#00794f', '#3ecf9a'],
  ['#9b2c8e', '#e88fdc'],
  ['#8a6a00', '#e3c34b'],
  ['#475569', '#a9b6c8'],
  ['#b3134b', '#ff86a8'],
  ['#0b7a8a', '#55cfe0'],
]

function colours(screen: 0 | 1): string {
  return COLOURS.map((pair, n) => `--c${n}:${pair[screen]}`).join(';')
}

const STYLE = `
svg{--sheet:#fff;--text:#1c2430;--faint:#5b6675;--rule:#e3e7ec;--axis:#98a2b0;--other:#a3afbf;${colours(0)}}
@media(prefers-color-scheme:dark){svg{--sheet:#0f1620;--text:#e8edf3;--faint:#9eabbb;--rule:#243040;--axis:#66758a;--other:#64748b;${colours(1)}}}
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;fill:var(--text)}
.title{font-size:16px;font-weight:600}.faint{fill:var(--faint);font-size:12px}.strong{font-weight:600}.number{font-variant-numeric:tabular-nums}
.sheet{fill:var(--sheet)}.rule{stroke:var(--rule)}.axis{stroke:var(--axis)}.range{stroke:var(--text);stroke-width:1.25;opacity:.75}
.line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}.lead{stroke-width:1;opacity:.45;fill:none}
`

/** The colour of the n-th series. */
export function colour(n: number): string {
  return `var(--c${n % COLOURS.length})`
}

/**
 * A whole SVG.
 *
 * @param told What the picture says, in words: for those who do not see it.
 */
export function sheet(
  title: string,
  height: number,
  told: string,
  content: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title told">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="told">${escaped(told)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="sheet" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...titleLines(title).map((line, n) =>
      text(line, MARGIN, MARGIN + 12 + n * 21, { class: 'title' }),
    ),
    ...content,
    '</svg>',
    '',
  ].join('\n')
}

/** Where the plot may begin below its title. */
export function belowTitle(title: string): number {
  return MARGIN + 12 + titleLines(title).length * 21
}

export interface TextStyle {
  readonly class?: string
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly fill?: string
}

export function text(content: string, x: number, y: number, style: TextStyle = {}): string {
  const attributes = [
    ...(style.class === undefined ? [] : [`class="${style.class}"`]),
    ...(style.anchor === undefined ? [] : [`text-anchor="${style.anchor}"`]),
    ...(style.fill === undefined ? [] : [`style="fill:${style.fill}"`]),
  ]
  return `<text x="${pixels(x)}" y="${pixels(y)}" ${attributes.join(' ')}>${escaped(content)}</text>`
}

export function line(
  kind: 'rule' | 'axis' | 'range',
  from: readonly [number, number],
  to: readonly [number, number],
): string {
  const [x1, y1, x2, y2] = [...from, ...to].map(pixels)
  return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`
}

/** About how wide a text of 13 px is. No font can be asked here. */
export function widthOf(content: string): number {
  let width = 0
  for (const letter of content) {
    width += "iljt.,:;|!'()[] f".includes(letter) ? 3.9 : /[A-Zmw@%]/.test(letter) ? 9.4 : 7.2
  }
  return width
}

export function pixels(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function titleLines(title: string): string[] {
  const lines: string[] = []
  for (const word of title.split(' ')) {
    const last = lines.at(-1)
    // The title's letters are larger.
    if (last !== undefined && widthOf(`${last} ${word}`) * 1.45 < WIDTH - 2 * MARGIN) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}
