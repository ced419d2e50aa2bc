/** The figures as tables. */

import { digits, type Table } from '../common/report.ts'
import { summary } from '../common/statistics.ts'
import { controlOf, type Figures, type Ledger, type Row, timeOf } from './ledger.ts'

/** A control further off than this share marks its row. */
const NOISY = 0.1
/** T9: reading one key costs at most this share of decoding the whole record. */
const MOST_FOR_ONE_KEY = 0.2

/** A table for each group, then the ratio that T9 asks for. */
export function tablesOf(ledger: Ledger): Table[] {
  const groups = new Map<string, Row[]>()
  for (const row of ledger.rows) {
    const rows = groups.get(row.group) ?? []
    groups.set(row.group, [...rows, row])
  }
  const tables = [...groups].map(([group, rows]) => ({
    title: `${group}: ns and bytes allocated for one operation`,
    head: [
      'operation',
      'ns',
      'range',
      'control',
      'bytes',
      '× peer',
      ...ledger.others.flatMap(headOf),
    ],
    rows: rows.map((row) => cellsOf(ledger, row)),
  }))
  const oneKey = oneKeyTable(ledger)
  return oneKey.rows.length === 0 ? tables : [...tables, oneKey]
}

function headOf(build: string): string[] {
  return [`before (${build}): ns`, 'now ÷ before', 'before: bytes']
}

function cellsOf(ledger: Ledger, row: Row): string[] {
  const now = row.builds.get('')
  const time = timeOf(now)
  const others = ledger.others.flatMap((build) => {
    const before = row.builds.get(build)
    const was = timeOf(before)
    return [ns(was?.median), times(time?.median, was?.median), bytesOf(before)]
  })
  return [
    row.name,
    ns(time?.median),
    time === undefined ? '' : `${ns(time.least)}–${ns(time.most)}`,
    now === undefined ? '' : controlText(now),
    bytesOf(now),
    row.peers
      .map((name) => peerText(ledger, row, name))
      .filter((text) => text !== '')
      .join('; '),
    ...others,
  ]
}

function controlText(figures: Figures): string {
  const control = controlOf(figures)
  if (control === undefined) return ''
  const percent = `${control < 0 ? '−' : '+'}${digits(Math.abs(control) * 100)} %`
  return Math.abs(control) > NOISY ? `${percent} (noisy)` : percent
}

/** `0.12 × msgpackr`: the peer is named by the first word of its case. */
function peerText(ledger: Ledger, row: Row, name: string): string {
  const mine = timeOf(row.builds.get(''))?.median
  const theirs = timeOf(ledger.find(row.stage, name)?.builds.get(''))?.median
  const [peer] = name.split(/[:,]/)
  return theirs === undefined ? '' : `${times(mine, theirs)} ${peer}`
}

function times(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined ? '' : `${digits(a / b)} ×`
}

function ns(value: number | undefined): string {
  return value === undefined ? '' : grouped(digits(value))
}

function bytesOf(figures: Figures | undefined): string {
  if (figures?.bytes === undefined) return figures === undefined ? '' : '–'
  return grouped(String(Math.round(figures.bytes)))
}

/** 12345 as 12,345. */
function grouped(text: string): string {
  return text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(?:\d{3})+$)/g, ','))
}

/** Of each size: one key read, against all decoded by the faster library in the same process. */
function oneKeyTable(ledger: Ledger): Table {
  const rows = ['200 B', '4 KB', '64 KB'].flatMap((size) => {
    const rounds = (name: string): readonly number[] =>
      ledger.find('serializers', `${name}, ${size}`)?.builds.get('')?.rounds ?? []
    const mine = rounds('msgpack: read one key')
    const packr = rounds('msgpackr: decode all')
    const official = rounds('@msgpack/msgpack: decode all')
    if (mine.length === 0 || packr.length === 0 || official.length === 0) return []
    const faster =
      summary(packr).median < summary(official).median
        ? { name: 'msgpackr', rounds: packr }
        : { name: '@msgpack/msgpack', rounds: official }
    const ratios = mine.map((time, round) => time / (faster.rounds[round] as number))
    const { median, least, most } = summary(ratios)
    const verdict = median <= MOST_FOR_ONE_KEY ? 'met' : 'not met'
    return [
      [
        size,
        faster.name,
        digits(median),
        `${digits(least)}–${digits(most)}`,
        size === '64 KB' ? `at most ${MOST_FOR_ONE_KEY}: ${verdict}` : '',
      ],
    ]
  })
  return {
    title: 'One key read of a MessagePack record ÷ all of it decoded by the faster library',
    head: ['record', 'faster library', 'ratio', 'range', 'T9'],
    rows,
  }
}
