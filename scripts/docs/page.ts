/** A page with a part that is written by a program. */

const BEGIN = '<!-- begin: npm run docs:stores -->'
const END = '<!-- end -->'

/** The page with another text between its marks. */
export function withTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`the page has no ${BEGIN} before ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`
}
