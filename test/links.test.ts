/** The pages name files that exist: relative links with their headings, and paths in backticks. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = [
  ...pagesIn('', false),
  ...['bench', 'docs', 'examples', 'interop'].flatMap((folder) => pagesIn(`${folder}/`, true)),
]

function pagesIn(folder: string, recursive: boolean): string[] {
  return readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
    .map((name) => folder + name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules/'))
}

const LINK = /\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)/g
/** A path of the repository, or of `src` as ARCHITECTURE.md writes it. */
const PATH =
  /`((?:adapters|bench|compat|cookies|core|interop|scripts|seals|serializers|src|stores|test|testing)\/[\w./-]+\.\w+)`/g

test.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  const broken: string[] = []
  for (const [, path = '', heading] of text.matchAll(LINK)) {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) broken.push(path)
    else if (heading !== undefined && !headingsOf(target).includes(heading)) {
      broken.push(`${path}#${heading}`)
    }
  }
  for (const [, path = ''] of text.matchAll(PATH)) {
    if (![path, `src/${path}`].some((name) => existsSync(join(root, name)))) broken.push(path)
  }
  expect(broken).toEqual([])
})

/** The anchors that GitHub makes. */
function headingsOf(page: string): string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}
