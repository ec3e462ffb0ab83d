// What split-sms says of each JSON string of standard input: alphabet, units, parts.
const readline = require('node:readline')
const { split } = require('split-sms')

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
const answers = []
lines.on('line', line => {
  const { characterSet, parts, bytes } = split(JSON.parse(line))
  const gsm = characterSet === 'GSM'
  answers.push(`${gsm ? 'gsm7' : 'ucs2'} ${gsm ? bytes : bytes / 2} ${parts.length}`)
})
lines.on('close', () => process.stdout.write(answers.map(answer => answer + '\n').join('')))
