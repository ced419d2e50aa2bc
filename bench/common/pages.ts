/** Puts the last results into the pages that show them, between their marks. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** `<!-- results: http -->`, or one table of it: `<!-- results: http 1 -->`; then what is replaced; then the end. */
const BLOCK = /(<!-- results: ([a-z]+)(?: (\d+))? -->\n)[\s\S]*?(<!-- end -->)/g

/** Fills the blocks of a page from `results/<topic>.md`; leaves those of a topic that has none yet. */
export function fillPage(page: string, results: string): void {
  if (!existsSync(page)) return
  const before = readFileSync(page, 'utf8')
  const after = before.replace(
    BLOCK,
    (block: string, begin: string, topic: string, place: string | undefined, end: string) => {
      const file = join(results, `${topic}.md`)
      if (!existsSync(file)) return block
      const [head = '', ...tables] = readFileSync(file, 'utf8')
        .trim()
        .split(/\n\n(?=\*\*)/)
      const shown = place === undefined ? tables : tables.slice(Number(place) - 1, Number(place))
      return `${begin}\n${[head, ...shown].join('\n\n')}\n\n${end}`
    },
  )
  if (after !== before) writeFileSync(page, after)
}
