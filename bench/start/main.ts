/** How long each import takes, how many files it loads, and how large the package is. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, lowerQuartile, type Report, rangeOf } from '../common/report.ts'
import { BUILD, entryPoints } from '../common/vial.ts'

const execute = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CHILD = fileURLToPath(new URL('import-once.ts', import.meta.url))
const EMPTY = fileURLToPath(new URL('empty.mjs', import.meta.url))

interface Once {
  /** ms */
  readonly took: number
  readonly folders: Readonly<Record<string, number>>
}

const SHORT: ReadonlySet<string> = new Set(['vial', 'vial/stores/memory', 'vial/adapters/express'])

export async function run({ quick, check, against }: Options): Promise<Report> {
  const files = entryPoints()
  const entries = [...files]
    .map(([name, file]) => ({ name, file }))
    .filter(({ name }) => !quick || SHORT.has(name))
  const earlier = [...against].flatMap(([commit, build]) =>
    [...entryPoints(build)]
      .filter(([name]) => SHORT.has(name))
      .map(([name, file]) => ({ name: `${name} @ ${commit}`, file })),
  )
  const rounds = check ? 1 : quick ? 7 : 15
  const progress = new Progress(rounds * (entries.length + earlier.length + 2))
  const times = new Map<string, Once[]>()
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, file } of [
      { name: 'an empty file (control)', file: EMPTY },
      ...entries,
      ...earlier,
      { name: 'express-session', file: 'express-session' },
    ]) {
      progress.step(`importing ${name}`)
      times.set(name, [...(times.get(name) ?? []), await once(file)])
    }
  }
  progress.end()
  const rows: string[][] = []
  for (const [name, all] of times) {
    const times = all.map(({ took }) => took)
    const file = files.get(name)
    const folders = file === undefined ? {} : (await once(file, join(BUILD, 'dist'))).folders
    rows.push([
      name,
      `${digits(lowerQuartile(times))} (${rangeOf(times)})`,
      Object.entries(folders)
        .map(([folder, count]) => `${count} ${folder}`)
        .join(', '),
    ])
  }
  const packed = await tarball()
  return {
    tables: [
      {
        title: 'Importing in a new process, ms: lower quartile (all)',
        head: ['', 'ms', 'files loaded'],
        rows,
      },
      {
        title: 'The package',
        head: ['', 'KB'],
        rows: [
          ['packed', digits(packed.size / 1000)],
          ['unpacked', digits(packed.unpackedSize / 1000)],
        ],
      },
    ],
  }
}

async function once(...words: readonly string[]): Promise<Once> {
  const { stdout } = await execute(process.execPath, ['--no-warnings', CHILD, ...words])
  return JSON.parse(stdout) as Once
}

async function tarball(): Promise<{ size: number; unpackedSize: number }> {
  const { stdout } = await execute('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    maxBuffer: 2 ** 24,
  })
  const answer: unknown = JSON.parse(stdout.slice(stdout.search(/[[{]/)))
  // A list in npm 10 and earlier, an object by name since.
  const [first] = Object.values(answer as object)
  return first as { size: number; unpackedSize: number }
}
