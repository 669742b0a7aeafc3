-- What the questions ask of more than once.

CREATE INDEX settlements_by_id ON settlements (settlement);
CREATE INDEX settlements_reversing ON settlements (reverses);
CREATE INDEX settlements_by_message ON settlements (settled_by);
CREATE INDEX settlements_by_person ON settlements (node, person, serial);
CREATE INDEX postings_by_settlement ON postings (node, settlement);
CREATE INDEX postings_by_number ON postings (node, serial);
CREATE INDEX legs_by_posting ON postings_legs (node, serial);
CREATE INDEX copies_by_id ON settlement_copies (settlement);
CREATE INDEX copies_reversing ON settlement_copies (reverses);
CREATE INDEX messages_by_id ON messages (msgid, node);
CREATE INDEX heard_by_id ON heard (msgid);
CREATE INDEX heard_by_visit ON heard (visit);
CREATE INDEX patients_by_visit ON patients (visit);

-- A settlement that nothing takes back, with what funds pay of it and what is owed for it.
CREATE TABLE standing AS
SELECT s.*, pool_fen + large_sum_fen + serious_illness_fen + civil_servant_fen + aid_fen + other_fund_fen AS fund_fen
FROM settlements s
WHERE s.sign = 1
  AND NOT EXISTS (SELECT 1 FROM settlements r WHERE r.node = s.node AND r.sign = -1 AND r.reverses = s.settlement);
CREATE INDEX standing_by_id ON standing (settlement);
CREATE INDEX standing_by_message ON standing (settled_by);

-- A copy of one, on its way, that its keeper knows of nothing to take it back.
CREATE TABLE standing_copies AS
SELECT c.* FROM settlement_copies c
WHERE c.sign = 1
  AND NOT EXISTS (
    SELECT 1 FROM settlement_copies r WHERE r.node = c.node AND r.sign = -1 AND r.reverses = c.settlement
  );
CREATE INDEX standing_copies_by_id ON standing_copies (settlement, node);

-- The amounts of a settlement as any side states them.
CREATE VIEW stated AS
SELECT node, settlement, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, pool_fen, large_sum_fen,
  serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen
FROM settlements
UNION ALL
SELECT node, settlement, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, pool_fen, large_sum_fen,
  serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen
FROM settlement_copies;

-- One row a message that hospitals sent: when first, when its first verdict was heard, and which verdicts.
CREATE TABLE history AS
SELECT h.msgid, h.visit, h.code, a.act, min(h.sent_us) AS sent_us,
  min(CASE WHEN h.outcome IN ('ok', 'refused') THEN h.done_us END) AS heard_us,
  max(h.outcome = 'ok') AS yes, max(h.outcome = 'refused') AS no,
  count(DISTINCT CASE WHEN h.outcome IN ('ok', 'refused') THEN h.reply_crc END) AS verdicts,
  max(CASE WHEN h.outcome IN ('ok', 'refused') THEN h.reply_crc END) AS reply_crc
FROM heard h JOIN acts a ON a.code = h.code
GROUP BY h.msgid;
CREATE UNIQUE INDEX history_by_id ON history (msgid);
CREATE INDEX history_by_visit ON history (visit, act);
ANALYZE;
