/**
 * Checks package-lock.json: each package has a checksum and its optional packages for every platform (npm leaves out
 * those that it cannot download, without a message, and then `npm ci` fails on every machine), and a workspace has the
 * same versions as the rest, so that one installation serves both.
 */

import { readFileSync } from 'node:fs'
import process from 'node:process'

interface Entry {
  readonly version?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Entry>>
}
const problems = Object.entries(lock.packages).flatMap(([path, entry]) => [
  ...Object.keys(entry.optionalDependencies ?? {})
    .filter((name) => !isFound(path, name))
    .map((name) => `${path} needs ${name} on some platform, and package-lock.json lacks it.`),
  ...(!path.includes('node_modules/') || entry.link || entry.integrity !== undefined
    ? []
    : [`${path} has no checksum.`]),
  ...(path.startsWith('examples/') && path.includes('node_modules/')
    ? [`${path} has another version than package.json: give both the same.`]
    : []),
])

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

/** Whether a package finds another one, in its own node_modules or in one further out. */
function isFound(from: string, name: string): boolean {
  const folders = from.split('/node_modules/')
  return (
    folders.some((_, depth) => {
      const folder = folders.slice(0, folders.length - depth).join('/node_modules/')
      return lock.packages[`${folder}/node_modules/${name}`] !== undefined
    }) || lock.packages[`node_modules/${name}`] !== undefined
  )
}
