/**
 * Checks every package-lock.json: each package has a checksum and its optional packages for every platform (npm leaves out
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

type Packages = Readonly<Record<string, Entry>>

const problems = ['', 'bench/', 'test/frameworks/'].flatMap((folder) => {
  const lock = readFileSync(new URL(`../${folder}package-lock.json`, import.meta.url), 'utf8')
  const { packages } = JSON.parse(lock) as { readonly packages: Packages }
  return problemsOf(packages).map((problem) => `${folder}package-lock.json: ${problem}`)
})

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

function problemsOf(packages: Packages): string[] {
  return Object.entries(packages).flatMap(([path, entry]) => [
    ...Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isFound(packages, path, name))
      .map((name) => `${path} needs ${name} on some platform, and it is not there.`),
    ...(!path.includes('node_modules/') || entry.link || entry.integrity !== undefined
      ? []
      : [`${path} has no checksum.`]),
    ...(path.startsWith('examples/') && path.includes('node_modules/')
      ? [`${path} has another version than package.json: give both the same.`]
      : []),
  ])
}

/** Whether a package finds another one, in its own node_modules or in one further out. */
function isFound(packages: Packages, from: string, name: string): boolean {
  const folders = from.split('/node_modules/')
  return (
    folders.some((_, depth) => {
      const folder = folders.slice(0, folders.length - depth).join('/node_modules/')
      return packages[`${folder}/node_modules/${name}`] !== undefined
    }) || packages[`node_modules/${name}`] !== undefined
  )
}
