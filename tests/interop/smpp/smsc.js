// An SMSC of npm's `smpp`, which does what the words of a message ask for. Prints a JSON line for each thing it sees.
//   node smsc.js PORT [KEY CERT]
'use strict';
const fs = require('fs');
const smpp = require('smpp');
const [port, key, cert] = process.argv.slice(2);
const options = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {};
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const seen = new Map();
let ids = 0;

const times = (name) => {
  seen.set(name, (seen.get(name) || 0) + 1);
  return seen.get(name);
};

const textOf = (pdu) => {
  const content = pdu.short_message && (pdu.short_message.message || pdu.short_message.udh)
    ? pdu.short_message.message : pdu.message_payload && pdu.message_payload.message;
  return Buffer.isBuffer(content) ? content.toString('latin1') : content || '';
};

const server = smpp.createServer(options, (session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const right = pdu.system_id === 'estafette' && pdu.password === 'secret08';
    say({ bind: right });
    session.send(pdu.response(right ? {} : { command_status: smpp.ESME_RINVPASWD }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    const text = textOf(pdu);
    const udh = pdu.short_message && pdu.short_message.udh;
    const part = udh && udh[0] ? [...udh[0].slice(-3)] : null;
    const id = '00' + (++ids);
    const receipt = () => session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2611240101 done date:2611240102 stat:DELIVRD err:000 text:`,
    }, (answer) => say({ receipt: id, status: answer.command_status }));
    say({ text, part, coding: pdu.data_coding, to: pdu.destination_addr, from: pdu.source_addr, wanted: pdu.registered_delivery });
    if (text.startsWith('throttle') && times('throttle') === 1) {
      return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    }
    if (text.startsWith('full') && times('full') === 1) {
      return session.send(pdu.response({ command_status: smpp.ESME_RMSGQFUL }));
    }
    if (text.startsWith('drop') && times('drop') === 1) {
      return session.destroy();
    }
    if (text.startsWith('refuse')) {
      return session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
    }
    if (text.startsWith('early')) {
      receipt();
      return setTimeout(() => session.send(pdu.response({ message_id: id })), 100);
    }
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery === 1) setTimeout(receipt, 50);
    if (text.startsWith('answer me')) {
      setTimeout(() => session.deliver_sm({
        source_addr: pdu.destination_addr, destination_addr: '8686', short_message: 'Stop svp',
      }, (answer) => say({ inbound: answer.command_status })), 50);
    }
  });
});
server.listen(Number(port), '127.0.0.1', () => say({ listening: Number(port) }));
