"""PyPI's `smpplib` as a client of the simulated SMSC: bind, submit, long message, receipts, query, a wrong password."""
import sys
import time

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

host, port = sys.argv[1].split(":")
answers, receipts = {}, []


def connected(password):
    client = smpplib.client.Client(host, int(port), allow_unknown_opt_params=True)
    client.set_message_sent_handler(lambda pdu: answers.__setitem__(pdu.sequence, pdu))
    client.set_message_received_handler(lambda pdu: receipts.append(pdu) or smpplib.consts.SMPP_ESME_ROK)
    client.connect()
    client.bind_transceiver(system_id="estafette", password=password)
    return client


def listen(client, enough, limit=10):
    end = time.monotonic() + limit
    client._socket.settimeout(1)
    while not enough():
        assert time.monotonic() < end, "the SMSC does not answer"
        client.read_once(auto_send_enquire_link=False)


try:
    connected("wrong")
    raise SystemExit("a wrong password was taken")
except smpplib.exceptions.PDUError as error:
    assert "14" in str(error) or "INVPASWD" in str(error) or "password" in str(error).lower(), error

client = connected("sandbox")
sent = []
for text in ("Bonjour", "Une longue histoire. " * 20, "Ελληνικά και 😀"):
    parts, coding, kind = smpplib.gsm.make_parts(text)
    for part in parts:
        pdu = client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM, source_addr="ONSS", dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr="32470123456", short_message=part, data_coding=coding, esm_class=kind,
            registered_delivery=True)
        sent.append(pdu.sequence)
listen(client, lambda: all(sequence in answers for sequence in sent))
ids = {answers[sequence].message_id.decode() for sequence in sent}
assert len(ids) == len(sent) and all(identity.startswith("0") for identity in ids), ids
listen(client, lambda: len(receipts) >= len(sent))
named = {receipt.receipted_message_id.decode().rstrip("\0") for receipt in receipts}
assert named == ids, (named, ids)
assert all(b"stat:DELIVRD" in receipt.short_message for receipt in receipts)
states = []
client.set_query_resp_handler(lambda pdu: states.append(pdu.message_state))
client.query_message(message_id=ids.pop(), source_addr_ton=5, source_addr="ONSS")
listen(client, lambda: states)
assert int(states[0]) == smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED if hasattr(
    smpplib.consts, "SMPP_MESSAGE_STATE_DELIVERED") else states, states
client.unbind()
client.disconnect()
print(f"smpplib as client of our SMSC: {len(sent)} parts sent, each with its receipt")
