/** T11: how long importing takes, how many files each entry loads, how large the package is. */

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, type Report } from '../common/report.ts'
import { summary } from '../common/statistics.ts'
import { DIST } from '../common/vial.ts'

const run_ = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CHILD = fileURLToPath(new URL('import-once.ts', import.meta.url))

interface Once {
  /** ms */
  readonly took: number
  readonly folders: Readonly<Record<string, number>>
}

const SHORT: ReadonlySet<string> = new Set(['vial', 'vial/stores/memory', 'vial/adapters/express'])

export async function run({ quick, check, against }: Options): Promise<Report> {
  const entries = entryPoints().filter(({ name }) => !quick || SHORT.has(name))
  const earlier = [...against].flatMap(([commit, dist]) =>
    entryPoints(dist)
      .filter(({ name }) => SHORT.has(name))
      .map(({ name, file }) => ({ name: `${name} @ ${commit}`, file })),
  )
  const rounds = check ? 1 : quick ? 7 : 15
  const progress = new Progress(rounds * (entries.length + earlier.length + 2))
  const times = new Map<string, Once[]>()
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, file } of [
      {
        name: 'an empty file (control)',
        file: join(fileURLToPath(new URL('empty.mjs', import.meta.url))),
      },
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
    const { median, least, most } = summary(all.map(({ took }) => took))
    const file = entries.find((entry) => entry.name === name)?.file
    const folders = file === undefined ? {} : (await once(file, DIST)).folders
    rows.push([
      name,
      `${digits(median)} (${digits(least)}–${digits(most)})`,
      Object.entries(folders)
        .map(([folder, count]) => `${count} ${folder}`)
        .join(', '),
    ])
  }
  const packed = await tarball()
  return {
    tables: [
      { title: 'Importing in a new process, ms', head: ['', 'ms', 'files loaded'], rows },
      {
        title: 'The package',
        head: ['', 'KB'],
        rows: [
          ['packed', digits(packed.size / 1000)],
          ['unpacked', digits(packed.unpackedSize / 1000)],
        ],
      },
    ],
    data: { times: Object.fromEntries(times), packed },
  }
}

function entryPoints(dist = DIST): { name: string; file: string }[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { readonly default: string }>
  }
  return Object.entries(exports).flatMap(([entry, target]) =>
    typeof target === 'string'
      ? []
      : [
          {
            name: entry.replace('.', 'vial'),
            file: join(dist, target.default.replace('./dist/', '')),
          },
        ],
  )
}

async function once(...words: readonly string[]): Promise<Once> {
  const { stdout } = await run_(process.execPath, ['--no-warnings', CHILD, ...words])
  return JSON.parse(stdout) as Once
}

async function tarball(): Promise<{ size: number; unpackedSize: number }> {
  const { stdout } = await run_('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    maxBuffer: 2 ** 24,
  })
  const told: unknown = JSON.parse(stdout.slice(stdout.search(/[[{]/)))
  // A list in npm 10 and earlier, an object by name since.
  const [first] = Object.values(told as object)
  return first as { size: number; unpackedSize: number }
}
