/** `docs/flask.md` names every difference from Flask. `VIAL_WRITE_DOCS=1` writes them into the page. */

import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { expect, test } from 'vitest'
import {
  COOKIE_DIFFERENCES,
  type Difference,
  EAGER_DIFFERENCES,
  SESSION_DIFFERENCES,
} from './flask-differences.ts'
import { http, session } from './flask-recordings.ts'

const FILE = new URL('../../docs/flask.md', import.meta.url)

function table(differences: readonly Difference[]): string {
  const rows = differences.map(({ flask, here, why }) => `| ${flask} | ${here} | ${why} |`)
  return ['| Flask | here | why |', '|---|---|---|', ...rows].join('\n')
}

const TABLES = {
  cookie: table([...COOKIE_DIFFERENCES, ...EAGER_DIFFERENCES]),
  session: table(SESSION_DIFFERENCES),
}

/** The page with the tables as they are to be. */
function current(page: string): string {
  let text = page
  for (const [name, lines] of Object.entries(TABLES)) {
    const place = new RegExp(`(<!-- differences: ${name} -->\n)[^]*?(?=\n(?:###|<!-- end))`)
    expect(text).toMatch(place)
    text = text.replace(place, (_, head: string) => `${head}\n${lines}\n`)
  }
  return text
}

test('the page names every difference, with its reason', () => {
  const page = readFileSync(FILE, 'utf8')
  if (process.env['VIAL_WRITE_DOCS'] === '1') writeFileSync(FILE, current(page))
  expect(readFileSync(FILE, 'utf8')).toBe(current(page))
})

test('the page counts the requests', () => {
  const recorded = http.cases.length + session.redis.length
  expect(readFileSync(FILE, 'utf8')).toContain(`: ${recorded} recorded requests`)
})
