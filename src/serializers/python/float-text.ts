/**
 * Floats as text. JavaScript prints the same digits as Python and msgspec but places the exponent otherwise.
 *
 * @module
 */

/** As Python's `repr`: `1e+16`, `1e-05`, `9007199254740992.0`; also `nan` and `inf` as its JSON encoder has them. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  const [mantissa, exponent] = parts(value)
  if (exponent >= -4 && exponent < 16) return fixed(value)
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
}

/** As msgspec's JSON encoder: `1e16`, `1e-6`, `0.00001`. The value is finite. */
export function msgspecFloat(value: number): string {
  const [mantissa, exponent] = parts(value)
  return exponent >= -5 && exponent < 16 ? fixed(value) : `${mantissa}e${exponent}`
}

function parts(value: number): [mantissa: string, exponent: number] {
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  return [mantissa, Number(exponent)]
}

function fixed(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return text.includes('.') ? text : `${text}.0`
}
