/**
 * Removes the declarations that no entry of the package leads to: half of them speak of files that nobody can import.
 * Part of `npm run build`.
 */

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
}

const reached = new Set<string>()
for (const entry of Object.values(exports))
  if (typeof entry === 'object') reach(join(root, entry.types))

const dist = join(root, 'dist')
const all = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => join(dist, name))
for (const file of all) if (!reached.has(file)) rmSync(file)

function reach(file: string): void {
  if (reached.has(file)) return
  reached.add(file)
  // `from '…'`, `import('…')` and `import '…'`, all relative within the package.
  const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)
  for (const [, specifier = ''] of imports) {
    const target = join(dirname(file), specifier.replace(/\.(?:js|ts)$/, '.d.ts'))

    reach(target)
  }
}
