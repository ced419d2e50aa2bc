/** Plots as SVG: no dependency, no script, readable on light and on dark screens, with the figures in words. */

import { digits } from './report.ts'
import {
  belowTitle,
  colour,
  LINE,
  line,
  MARGIN,
  pixels,
  sheet,
  text,
  WIDTH,
  widthOf,
} from './svg-frame.ts'
import { type ScaleKind, scaleOf, shortNumber } from './svg-scale.ts'

export interface Bar {
  readonly name: string
  readonly value: number
  /** The range of its rounds. Absent: there was one. */
  readonly low?: number
  readonly high?: number
}

export interface BarPlot {
  readonly title: string
  /** What the lengths are, such as `µs of CPU per request above the bare framework`. */
  readonly unit: string
  readonly groups: readonly { readonly name: string; readonly bars: readonly Bar[] }[]
  /** Bars whose name begins so have the colour; default `vial`. */
  readonly accent?: string
}

/** Lying bars, each with its name, its figure and its range, in groups with a heading. */
export function barPlot({ title, unit, groups, accent = 'vial' }: BarPlot): string {
  const bars = groups.flatMap((group) => group.bars)
  const ends = bars.flatMap(({ value, low = value, high = value }) => [value, low, high])
  const figure = ({ value }: Bar): string => digits(value)
  const left = MARGIN + 14 + Math.min(280, Math.max(60, ...bars.map(({ name }) => widthOf(name))))
  const right = WIDTH - MARGIN - 16 - Math.max(24, ...bars.map((bar) => widthOf(figure(bar))))
  const { place, ticks } = scaleOf('linear', [0, ...ends], [left, right])
  const top = belowTitle(title) + 22
  const content: string[] = []
  let y = top
  for (const group of groups) {
    y += 10
    if (group.name !== '') {
      content.push(text(group.name, MARGIN, y + 13, { class: 'strong' }))
      y += 24
    }
    for (const bar of group.bars) {
      content.push(...barAt(bar, y, left, place, figure(bar), bar.name.startsWith(accent)))
      y += 24
    }
  }
  const bottom = y + 6
  const rules = ticks.map((tick) =>
    line(tick === 0 ? 'axis' : 'rule', [place(tick), top], [place(tick), bottom]),
  )
  const numbers = ticks.map((tick) =>
    text(shortNumber(tick), place(tick), bottom + 17, { class: 'faint', anchor: 'middle' }),
  )
  const told = groups.map(
    ({ name, bars }) => `${name}: ${bars.map((bar) => `${bar.name} ${figure(bar)}`).join(', ')}.`,
  )
  return sheet(title, bottom + 17 + MARGIN, `${unit}. ${told.join(' ')}`, [
    text(unit, MARGIN, belowTitle(title) + 8, { class: 'faint' }),
    ...rules,
    ...content,
    ...numbers,
  ])
}

function barAt(
  { name, value, low, high }: Bar,
  y: number,
  left: number,
  place: (value: number) => number,
  figure: string,
  accented: boolean,
): string[] {
  const [from = 0, to = 0] = [place(0), place(value)].toSorted((a, b) => a - b)
  const middle = y + 9
  const end = Math.max(to, place(high ?? value), place(0))
  const fill = accented ? colour(0) : 'var(--other)'
  return [
    text(name, left - 10, y + 13.5, { anchor: 'end', ...(accented && { class: 'strong' }) }),
    `<rect x="${pixels(from)}" y="${pixels(y)}" width="${pixels(Math.max(to - from, 1))}" height="18" rx="2" style="fill:${fill}"/>`,
    ...(low === undefined || high === undefined || low === high
      ? []
      : [
          line('range', [place(low), middle], [place(high), middle]),
          ...[low, high].map((at) => line('range', [place(at), y + 5], [place(at), y + 13])),
        ]),
    text(figure, end + 7, y + 13.5, { class: accented ? 'number strong' : 'number' }),
  ]
}

export interface LinePlot {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xScale: ScaleKind
  readonly yScale: ScaleKind
  readonly series: readonly {
    readonly name: string
    readonly points: readonly (readonly [x: number, y: number])[]
  }[]
  /** Whether a linear y axis begins at 0, so that heights compare; default true. */
  readonly fromZero?: boolean
}

/** More points than this are a line without marks. */
const MOST_MARKS = 24
const PLOT_HEIGHT = 300

/** Lines with a mark at each point; the name of each stands at its end, in its colour and with its mark. */
export function linePlot(plot: LinePlot): string {
  const { title, series, fromZero = true } = plot
  const names = Math.max(...series.map(({ name }) => widthOf(name)), 0)
  const [top, left] = [belowTitle(title) + 24, MARGIN + 42]
  const bottom = top + Math.max(PLOT_HEIGHT, series.length * LINE)
  const right = WIDTH - MARGIN - 38 - Math.min(names, 240)
  const points = series.flatMap((one) => one.points)
  const start = plot.yScale === 'linear' && fromZero ? [0] : []
  const xs = points.map(([x]) => x)
  const ys = [...start, ...points.map(([, y]) => y)]
  const x = scaleOf(plot.xScale, xs, [left, right], plot.xScale === 'log' ? 4 : 8)
  const y = scaleOf(plot.yScale, ys, [bottom, top])
  const ends = spread(
    series.map(({ points }) => y.place(points.at(-1)?.[1] ?? 0)),
    top + 4,
    bottom,
  )
  const drawn = series.flatMap(({ name, points }, n) => {
    const places = points.map(([px, py]) => [x.place(px), y.place(py)] as const)
    const [endX, endY] = places.at(-1) ?? [right, bottom]
    const labelY = ends[n] as number
    const path = places.map(([px, py]) => `${pixels(px)},${pixels(py)}`).join(' ')
    const lead = `${pixels(endX + 6)},${pixels(endY)} ${pixels(right + 16)},${pixels(labelY)}`
    const marks = points.length > MOST_MARKS ? [] : places.map((at) => mark(n, at))
    return [
      `<polyline class="lead" style="stroke:${colour(n)}" points="${lead}"/>`,
      `<polyline class="line" style="stroke:${colour(n)}" points="${path}"/>`,
      ...marks,
      mark(n, [right + 22, labelY]),
      text(name, right + 33, labelY + 4.5, { fill: colour(n) }),
    ]
  })
  const content = [
    text(plot.yLabel, MARGIN, belowTitle(title) + 8, { class: 'faint' }),
    ...y.ticks.flatMap((tick) => [
      line(tick === y.ticks[0] ? 'axis' : 'rule', [left, y.place(tick)], [right, y.place(tick)]),
      text(shortNumber(tick), left - 8, y.place(tick) + 4, { class: 'faint', anchor: 'end' }),
    ]),
    ...x.ticks.flatMap((tick) => [
      line('rule', [x.place(tick), top], [x.place(tick), bottom]),
      text(shortNumber(tick), x.place(tick), bottom + 18, { class: 'faint', anchor: 'middle' }),
    ]),
    text(plot.xLabel, (left + right) / 2, bottom + 38, { class: 'faint', anchor: 'middle' }),
    ...drawn,
  ]
  return sheet(title, bottom + 38 + MARGIN, toldOf(plot), content)
}

function toldOf({ xLabel, yLabel, series }: LinePlot): string {
  const lines = series.map(({ name, points }) => {
    const few = points.length > MOST_MARKS ? [points[0], points.at(-1)] : points
    const figures = few.flatMap((at) =>
      at === undefined ? [] : [`${digits(at[1])} at ${shortNumber(at[0])}`],
    )
    return `${name}: ${figures.join(', ')}.`
  })
  return `${yLabel}, by ${xLabel}. ${lines.join(' ')}`
}

/** A filled shape for each series, so that nobody has to tell colours apart. */
function mark(n: number, [x, y]: readonly [number, number]): string {
  const style = `style="fill:${colour(n)};stroke:var(--sheet);stroke-width:1"`
  const shapes = [
    [
      [-4.5, -4.5],
      [4.5, -4.5],
      [4.5, 4.5],
      [-4.5, 4.5],
    ],
    [
      [0, -6],
      [5.5, 4.5],
      [-5.5, 4.5],
    ],
    [
      [0, -6],
      [6, 0],
      [0, 6],
      [-6, 0],
    ],
    [
      [0, 6],
      [5.5, -4.5],
      [-5.5, -4.5],
    ],
  ] as const
  const shape = n % (shapes.length + 1)
  if (shape === 0) return `<circle cx="${pixels(x)}" cy="${pixels(y)}" r="4.5" ${style}/>`
  const corners = (shapes[shape - 1] ?? []).map(([dx, dy]) => `${pixels(x + dx)},${pixels(y + dy)}`)
  return `<polygon points="${corners.join(' ')}" ${style}/>`
}

/** Moves what is closer than a line of text apart, and stays between the two ends. */
function spread(wanted: readonly number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, n) => n).toSorted((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))
  const placed = [...wanted]
  let free = top
  for (const n of order) {
    placed[n] = Math.max(placed[n] as number, free)
    free = (placed[n] as number) + LINE
  }
  let last = bottom
  for (const n of order.toReversed()) {
    placed[n] = Math.min(placed[n] as number, last)
    last = (placed[n] as number) - LINE
  }
  return placed
}
