/**
 * Shows a page's own source code, taken from its file, so that what is shown is what runs.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { type Html, html } from './html.ts'

/**
 * Renders pieces of a source file.
 *
 * @param url The file: `import.meta.url`.
 * @param starts How the first line of each piece begins. A piece ends at the bracket that stands as far to the left.
 */
export function code(url: string, ...starts: readonly string[]): Html {
  const lines = readFileSync(new URL(url), 'utf8').split('\n')
  const pieces = starts.map((start) => pieceOf(lines, start))
  return html`
    <section class="code" aria-labelledby="code">
      <h2 id="code">The code of this page</h2>
      <pre tabindex="0" role="region" aria-label="Source code"><code>${pieces.join('\n\n')}</code></pre>
    </section>`
}

function pieceOf(lines: readonly string[], start: string): string {
  const from = lines.findIndex((line) => line.trimStart().startsWith(start))
  const indent = /^ */.exec(lines[from] ?? '')?.[0] ?? ''
  const to = lines.findIndex((line, at) => at > from && line.startsWith(`${indent}}`))
  if (from === -1 || to === -1) throw new Error(`No code begins with ${start}`)
  return lines
    .slice(from, to + 1)
    .map((line) => line.slice(indent.length))
    .join('\n')
}
