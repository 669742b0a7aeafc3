-- Each question is a name, a sentence that must hold, and SQL whose every row is something that breaks it:
-- where it was found, what it is about, and what is wrong.

-- postings_balance: the legs of every posting sum to nothing
SELECT p.node, p.settlement, 'the legs sum to ' || sum(l.amount_fen) || ' fen'
FROM postings p JOIN postings_legs l ON l.node = p.node AND l.serial = p.serial
GROUP BY p.node, p.serial HAVING sum(l.amount_fen) <> 0;

-- every_leg_has_its_posting: no leg lies in a ledger without the posting that it is of
SELECT l.node, l.account, 'leg ' || l.place || ' of posting number ' || l.serial || ', which is not there'
FROM postings_legs l LEFT JOIN postings p ON p.node = l.node AND p.serial = l.serial WHERE p.serial IS NULL;

-- one_posting_a_settlement: each settlement and each reversal of one has one posting, of its own time
SELECT s.node, s.settlement, count(p.serial) || ' postings at ' || s.posted_us || ' us'
FROM settlements s LEFT JOIN postings p ON p.node = s.node AND p.settlement = s.settlement AND p.posted_us = s.posted_us
GROUP BY s.node, s.serial HAVING count(p.serial) <> 1;

-- one_settlement_a_posting: each posting is of a settlement that is there, and no two are of one
SELECT p.node, p.settlement, 'posting ' || p.posting || ' is of ' || count(s.serial) || ' settlements'
FROM postings p LEFT JOIN settlements s ON s.node = p.node AND s.settlement = p.settlement
GROUP BY p.node, p.serial HAVING count(s.serial) <> 1;

-- postings_pay_what_was_settled: the funds' legs are what funds and account pay, owed to the province of care alone
SELECT node, settlement, 'funds pay ' || paid_fen || ' and owe ' || owed_fen || ', settled are ' || settled_fen || ' fen'
FROM (
  SELECT s.node, s.settlement,
    s.pool_fen + s.large_sum_fen + s.serious_illness_fen + s.civil_servant_fen + s.aid_fen + s.other_fund_fen
      + s.account_fen AS settled_fen,
    coalesce(sum(CASE WHEN l.account LIKE s.node || ':fund:%' THEN l.amount_fen END), 0) AS paid_fen,
    coalesce(sum(CASE WHEN l.account = s.node || ':owed:' || substr(s.care_region, 1, 2) THEN l.amount_fen END), 0)
      AS owed_fen
  FROM settlements s
  JOIN postings p ON p.node = s.node AND p.settlement = s.settlement
  LEFT JOIN postings_legs l ON l.node = p.node AND l.serial = p.serial
  GROUP BY s.node, s.serial, p.serial
)
WHERE paid_fen <> settled_fen OR owed_fen <> -settled_fen;

-- accounts_are_recounted: what an insurer owes a province of care is what its settlements there come to
SELECT o.node, o.care, 'the ledger owes ' || o.owed_fen || ', the settlements ' || coalesce(s.owed_fen, 0) || ' fen'
FROM (
  SELECT node, substr(account, -2) AS care, -sum(amount_fen) AS owed_fen
  FROM postings_legs WHERE account LIKE '%:owed:%' GROUP BY node, account
) o
LEFT JOIN (
  SELECT node, substr(care_region, 1, 2) AS care,
    sum(pool_fen + large_sum_fen + serious_illness_fen + civil_servant_fen + aid_fen + other_fund_fen + account_fen)
      AS owed_fen
  FROM settlements GROUP BY node, substr(care_region, 1, 2)
) s ON s.node = o.node AND s.care = o.care
WHERE o.owed_fen <> coalesce(s.owed_fen, 0);

-- amounts_add_up: on every side a bill is what funds, account, cash and hospital pay, and the sum of its parts
SELECT node, settlement, total_fen || ' fen are ' || paid_fen || ' paid and ' || parts_fen || ' in parts'
FROM (
  SELECT node, settlement, total_fen,
    pool_fen + large_sum_fen + serious_illness_fen + civil_servant_fen + aid_fen + other_fund_fen + account_fen
      + cash_fen + hospital_part_fen AS paid_fen,
    own_pay_fen + over_limit_fen + pre_self_pay_fen + in_scope_fen AS parts_fen
  FROM stated
)
WHERE total_fen <> paid_fen OR total_fen <> parts_fen;

-- one_standing_settlement_a_visit: no two settlements of a visit stand together, at one insurer or at two
SELECT min(node), visit, count(*) || ' stand together' FROM standing GROUP BY visit HAVING count(*) > 1;

-- one_effect_a_message: a message moved money once, at one insurer
SELECT min(node), settled_by, count(*) || ' settlements by one message'
FROM settlements GROUP BY settled_by HAVING count(*) > 1;

-- reversals_undo_one_settlement: a reversal takes back one earlier settlement of its visit, whole, and nobody else does
SELECT r.node, r.settlement, CASE WHEN s.serial IS NULL THEN 'takes back ' || r.reverses || ', which is not there'
  ELSE 'takes back ' || r.reverses || ' of ' || s.total_fen || ' fen by ' || r.total_fen || ', or not alone' END
FROM settlements r
LEFT JOIN settlements s ON s.node = r.node AND s.settlement = r.reverses AND s.sign = 1
WHERE r.sign = -1 AND (
  s.serial IS NULL OR s.serial > r.serial OR s.visit <> r.visit
  OR s.total_fen + r.total_fen <> 0 OR s.in_scope_fen + r.in_scope_fen <> 0 OR s.pool_fen + r.pool_fen <> 0
  OR s.large_sum_fen + r.large_sum_fen <> 0 OR s.serious_illness_fen + r.serious_illness_fen <> 0
  OR s.civil_servant_fen + r.civil_servant_fen <> 0 OR s.aid_fen + r.aid_fen <> 0
  OR s.other_fund_fen + r.other_fund_fen <> 0 OR s.account_fen + r.account_fen <> 0 OR s.cash_fen + r.cash_fen <> 0
  OR s.hospital_part_fen + r.hospital_part_fen <> 0 OR s.deductible_fen + r.deductible_fen <> 0
  OR EXISTS (
    SELECT 1 FROM settlements o WHERE o.node = r.node AND o.reverses = r.reverses AND o.sign = -1 AND o.serial <> r.serial
  )
);

-- the_latest_stands: of each person the insurer remembers the settlement that was made last and stands
-- unless: SELECT 'persons were given new numbers' FROM settlements s LEFT JOIN persons p ON p.node = s.node AND p.person = s.person WHERE p.person IS NULL
SELECT p.node, p.person, 'remembers ' || p.latest || ', and ' || coalesce(t.settlement, 'none') || ' stands last'
FROM persons p
LEFT JOIN (
  SELECT node, person, settlement, max(serial) FROM standing GROUP BY node, person
) t ON t.node = p.node AND t.person = p.person
WHERE p.latest <> coalesce(t.settlement, '');

-- each_follows_the_latest: a settlement was worked out upon the one that stood last when it was written
-- unless: SELECT 'persons were given new numbers' FROM settlements s LEFT JOIN persons p ON p.node = s.node AND p.person = s.person WHERE p.person IS NULL
SELECT node, settlement, 'was worked out upon ' || before || ', and ' || stood || ' stood' FROM (
  SELECT s.node, s.settlement, s.before, coalesce((
    SELECT e.settlement FROM settlements e
    WHERE e.node = s.node AND e.person = s.person AND e.sign = 1 AND e.serial < s.serial
      AND NOT EXISTS (
        SELECT 1 FROM settlements r
        WHERE r.node = e.node AND r.reverses = e.settlement AND r.sign = -1 AND r.serial < s.serial
      )
    ORDER BY e.serial DESC LIMIT 1
  ), '') AS stood
  FROM settlements s WHERE s.sign = 1
)
WHERE before <> stood;

-- accumulators_are_recounted: what a policy remembers of a person's year is what the settlements of it come to
-- unless: SELECT 'persons were given new numbers' FROM settlements s LEFT JOIN persons p ON p.node = s.node AND p.person = s.person WHERE p.person IS NULL
SELECT p.node, p.person, 'pool ' || p.pool_paid_fen || ' for ' || coalesce(s.pool_fen, 0)
  || ', supplementary ' || p.supplementary_paid_fen || ' for ' || coalesce(s.more_fen, 0)
  || ', borne ' || p.scope_self_paid_fen || ' for ' || coalesce(s.borne_fen, 0)
  || ', deductible ' || p.deductible_paid_fen || ' for ' || coalesce(s.deductible_fen, 0)
  || ', of stays ' || p.stay_deductible_paid_fen || ' for ' || coalesce(s.stay_fen, 0) || ' fen'
FROM persons p
LEFT JOIN (
  SELECT t.node, t.person, t.year, sum(t.pool_fen) AS pool_fen,
    sum(t.large_sum_fen + t.serious_illness_fen) AS more_fen,
    sum(t.in_scope_fen - t.first_self_pay_fen - t.pool_fen - t.large_sum_fen) AS borne_fen,
    sum(CASE WHEN a.kind = 'inpatient' THEN 0 ELSE t.deductible_fen END) AS deductible_fen,
    sum(CASE WHEN a.kind = 'inpatient' THEN t.deductible_fen ELSE 0 END) AS stay_fen
  FROM settlements t JOIN acts a ON a.code = t.code GROUP BY t.node, t.person, t.year
) s ON s.node = p.node AND s.person = p.person AND s.year = p.year
WHERE p.pool_paid_fen <> coalesce(s.pool_fen, 0) OR p.supplementary_paid_fen <> coalesce(s.more_fen, 0)
  OR p.scope_self_paid_fen <> coalesce(s.borne_fen, 0) OR p.deductible_paid_fen <> coalesce(s.deductible_fen, 0)
  OR p.stay_deductible_paid_fen <> coalesce(s.stay_fen, 0);

-- prefunds_are_recounted: what is posted against a prefund is what the province of care is owed
SELECT f.node, f.care, 'posted are ' || f.posted_fen || ', owed ' || coalesce(s.owed_fen, 0) || ' fen'
FROM prefunds f
LEFT JOIN (
  SELECT node, substr(care_region, 1, 2) AS care,
    sum(pool_fen + large_sum_fen + serious_illness_fen + civil_servant_fen + aid_fen + other_fund_fen + account_fen)
      AS owed_fen
  FROM settlements GROUP BY node, substr(care_region, 1, 2)
) s ON s.node = f.node AND s.care = f.care
WHERE f.posted_fen <> coalesce(s.owed_fen, 0);

-- closed_days_are_recounted: a closed business day holds what its sheet said
SELECT c.node, c.day, c.entries || ' entries of ' || c.total_fen || ' fen closed for ' || c.care_region || ', now '
  || count(s.serial) || ' of ' || coalesce(sum(s.total_fen), 0)
FROM closings c
LEFT JOIN settlements s
  ON s.node = c.node AND s.business_day = c.day AND substr(s.care_region, 1, 2) = c.care_region
GROUP BY c.node, c.day, c.care_region
HAVING count(s.serial) <> c.entries OR coalesce(sum(s.total_fen), 0) <> c.total_fen
  OR coalesce(sum(s.pool_fen + s.large_sum_fen + s.serious_illness_fen + s.civil_servant_fen + s.aid_fen
    + s.other_fund_fen + s.account_fen), 0) <> c.owed_fen;

-- copies_are_the_insurers: a copy at the hub or at a care province says what the insurer's settlement says
SELECT c.node, c.settlement, 'copy of ' || c.total_fen || ' fen, the insurer has '
  || coalesce(s.total_fen || ' fen, funds ' || s.pool_fen || ' for ' || c.pool_fen, 'none')
FROM settlement_copies c
LEFT JOIN settlements s ON s.settlement = c.settlement AND s.sign = c.sign
WHERE s.serial IS NULL OR c.visit <> s.visit OR c.settled_by <> s.settled_by OR c.total_fen <> s.total_fen
  OR c.pool_fen <> s.pool_fen OR c.large_sum_fen <> s.large_sum_fen
  OR c.serious_illness_fen <> s.serious_illness_fen OR c.civil_servant_fen <> s.civil_servant_fen
  OR c.aid_fen <> s.aid_fen OR c.other_fund_fen <> s.other_fund_fen OR c.account_fen <> s.account_fen
  OR c.cash_fen <> s.cash_fen OR c.hospital_part_fen <> s.hospital_part_fen
  OR (c.sign = 1 AND c.settled_us <> s.posted_us);

-- who_passed_a_yes_keeps_a_copy: the hub and the care province keep each standing settlement that they answered for
SELECT n.node, s.settlement, 'answered ' || s.settled_by || ', and keeps no copy that stands'
FROM standing s
JOIN nodes n ON n.node IN ('hub', substr(s.care_region, 1, 2))
JOIN messages m ON m.msgid = s.settled_by AND m.node = n.node AND m.reply IS NOT NULL AND m.reversed_by IS NULL
LEFT JOIN standing_copies c ON c.settlement = s.settlement AND c.node = n.node
WHERE s.node <> substr(s.care_region, 1, 2) AND c.serial IS NULL;

-- no_copy_stands_alone: a copy stands with its settlement, unless its keeper is still to hear that it was taken back
SELECT c.node, c.settlement, 'the copy stands, the settlement of its insurer does not'
FROM standing_copies c
LEFT JOIN standing s ON s.settlement = c.settlement
WHERE s.serial IS NULL AND NOT EXISTS (
  SELECT 1 FROM settlements r JOIN messages m ON m.msgid = r.settled_by AND m.node = c.node
  WHERE r.reverses = c.settlement AND r.sign = -1 AND m.reply IS NULL
);

-- what_was_taken_back_is_gone: a message that was reversed has no settlement that stands
SELECT m.node, m.msgid, 'was reversed by ' || m.reversed_by || ', and ' || s.settlement || ' stands'
FROM messages m JOIN standing s ON s.settled_by = m.msgid AND s.node = m.node WHERE m.reversed_by IS NOT NULL;

-- settled_visits_are_settled: a visit that its care province calls settled names the settlement that stands, as large
SELECT v.node, v.visit, 'is ' || v.state || ' by ' || v.settlement || ' of ' || v.total_fen || ' fen, '
  || coalesce(s.total_fen || ' fen stand', 'which does not stand')
FROM visits v LEFT JOIN standing s ON s.settlement = v.settlement AND s.visit = v.visit
WHERE v.settlement <> '' AND v.state LIKE 'settled%' AND v.held_by = ''
  AND (s.serial IS NULL OR s.total_fen <> v.total_fen);

-- message_ids_are_of_one_visit: no message id was used for two visits or two transactions
SELECT 'hospital', msgid, 'is of ' || count(DISTINCT visit) || ' visits and ' || count(DISTINCT code) || ' transactions'
FROM heard GROUP BY msgid HAVING count(DISTINCT visit) > 1 OR count(DISTINCT code) > 1;

-- message_ids_are_kept_once: a node keeps one row of a message
SELECT node, msgid, count(*) || ' rows of ' || sender FROM messages GROUP BY node, sender, msgid HAVING count(*) > 1;

-- a_verdict_never_changes: whatever was heard of a message was the same, however often it was sent
SELECT 'hospital', msgid, verdicts || ' verdicts' FROM history WHERE verdicts > 1;

-- what_was_heard_is_what_is_kept: the verdict that a hospital heard about money is the one in its province's books
SELECT m.node, h.msgid, 'was heard with checksum ' || h.reply_crc || ', and is kept with ' || coalesce(m.reply, 'none')
FROM history h
LEFT JOIN messages m ON m.msgid = h.msgid AND m.node = substr(h.msgid, 2, 2)
WHERE h.act IN ('settle', 'cancel', 'reverse') AND h.heard_us IS NOT NULL AND m.reply IS NOT h.reply_crc;

-- a_yes_has_its_settlement: of each settlement that a hospital heard a yes to the insurer has the settlement
SELECT 'hospital', h.msgid, 'heard a yes, and no insurer has a settlement by it'
FROM history h LEFT JOIN settlements s ON s.settled_by = h.msgid AND s.sign = 1
WHERE h.act = 'settle' AND h.yes AND s.serial IS NULL;

-- a_yes_to_a_cancel_has_its_reversal: of each cancel that a hospital heard a yes to the insurer has the reversal
SELECT 'hospital', h.msgid, 'heard a yes, and no insurer took anything back by it'
FROM history h LEFT JOIN settlements s ON s.settled_by = h.msgid AND s.sign = -1
WHERE h.act = 'cancel' AND h.yes AND s.serial IS NULL;

-- a_yes_stands_until_it_is_taken_back: what a hospital heard a yes to stands, unless it asked to take it back
SELECT 'hospital', h.msgid, 'heard a yes, asked for nothing back, and it does not stand'
FROM history h LEFT JOIN standing s ON s.settled_by = h.msgid
WHERE h.act = 'settle' AND h.yes AND s.serial IS NULL AND NOT EXISTS (
  SELECT 1 FROM history u WHERE u.visit = h.visit AND u.act IN ('cancel', 'reverse')
);

-- a_no_has_no_settlement: what a hospital heard a no to moved no money
SELECT s.node, h.msgid, 'was refused, and settlement ' || s.settlement || ' is there'
FROM history h JOIN settlements s ON s.settled_by = h.msgid WHERE h.no AND NOT h.yes;

-- what_was_reversed_does_not_stand: once a hospital heard a yes to a reversal, what it had last sent to settle is gone
SELECT s.node, s.settlement, 'stands, and the hospital heard a yes to its reversal ' || u.msgid
FROM history u
JOIN history h ON h.visit = u.visit AND h.act = 'settle' AND h.sent_us < u.sent_us
JOIN standing s ON s.settled_by = h.msgid
WHERE u.act = 'reverse' AND u.yes AND NOT EXISTS (
  SELECT 1 FROM history l
  WHERE l.visit = u.visit AND l.act = 'settle' AND l.sent_us > h.sent_us AND l.sent_us < u.sent_us
);

-- patients_pay_what_was_settled: a patient who was settled directly has the insurer's settlement, to the fen
SELECT s.node, p.settlement_id, 'visit ' || p.visit || ' has ' || p.total_fen || ' fen, funds ' || p.fund_fen
  || ', and the insurer ' || coalesce(s.total_fen || ', funds ' || s.fund_fen, 'none that stands')
FROM patients p
JOIN direct_fates d ON d.fate = p.fate
LEFT JOIN standing s ON s.settlement = p.settlement_id
LEFT JOIN (
  SELECT visit, sum(total_fen) AS total_fen, sum(fund_fen) AS fund_fen, sum(cash_fen) AS cash_fen,
    sum(account_fen) AS account_fen, sum(hospital_part_fen) AS hospital_part_fen FROM parts GROUP BY visit
) b ON b.visit = p.visit
WHERE p.acked AND (
  s.serial IS NULL OR p.total_fen - coalesce(b.total_fen, 0) <> s.total_fen
  OR p.fund_fen - coalesce(b.fund_fen, 0) <> s.fund_fen OR p.cash_fen - coalesce(b.cash_fen, 0) <> s.cash_fen
  OR p.account_fen - coalesce(b.account_fen, 0) <> s.account_fen
  OR p.hospital_part_fen - coalesce(b.hospital_part_fen, 0) <> s.hospital_part_fen
);

-- parts_are_what_was_settled: so has one who was settled in the middle of a stay
SELECT s.node, q.settlement_id, 'visit ' || q.visit || ' has ' || q.total_fen || ' fen, and the insurer '
  || coalesce(s.total_fen, 'none that stands')
FROM parts q LEFT JOIN standing s ON s.settlement = q.settlement_id AND s.settled_by = q.msgid
WHERE s.serial IS NULL OR q.total_fen <> s.total_fen OR q.fund_fen <> s.fund_fen OR q.cash_fen <> s.cash_fen
  OR q.account_fen <> s.account_fen OR q.hospital_part_fen <> s.hospital_part_fen;

-- what_stands_is_known_of: what stands at an insurer is a patient's who was settled directly, or whose visit is open
SELECT s.node, s.settlement, 'stands, and visit ' || h.visit || ' ended as ' || p.fate
FROM standing s
JOIN history h ON h.msgid = s.settled_by
JOIN patients p ON p.visit = h.visit
WHERE p.fate <> 'open_at_end' AND p.fate NOT IN (SELECT fate FROM direct_fates)
  AND h.msgid NOT IN (SELECT msgid FROM parts);

-- books_are_written_in_order: what was sent after a verdict was heard is written behind what that was about
SELECT node, msgid, 'was sent at ' || sent_us || ' us, and what was heard at ' || heard_before_us || ' us lies behind it'
FROM (
  SELECT m.node, m.msgid, h.sent_us, min(h.heard_us) OVER (
    PARTITION BY m.node ORDER BY m.serial ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
  ) AS heard_before_us
  FROM messages m JOIN history h ON h.msgid = m.msgid
)
WHERE heard_before_us < sent_us;

-- settlements_are_written_in_order: so it is of settlements at their insurer
SELECT node, msgid, 'was sent at ' || sent_us || ' us, and what was heard at ' || heard_before_us || ' us lies behind it'
FROM (
  SELECT s.node, h.msgid, h.sent_us, min(h.heard_us) OVER (
    PARTITION BY s.node ORDER BY s.serial ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
  ) AS heard_before_us
  FROM settlements s JOIN history h ON h.msgid = s.settled_by
)
WHERE heard_before_us < sent_us;

-- time_never_runs_back: what was sent after a verdict was heard is dated no earlier than what that was about
SELECT node, msgid, 'is dated ' || at_us || ' us; sent at ' || sent_us || ', when something dated later had been heard'
FROM (
  SELECT d.node, d.msgid, d.at_us, d.sent_us, min(d.heard_us) OVER (
    PARTITION BY d.node ORDER BY d.at_us RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
  ) AS heard_before_us
  FROM (
    SELECT m.node, m.msgid, m.opened_us AS at_us, h.sent_us, h.heard_us
    FROM messages m JOIN history h ON h.msgid = m.msgid WHERE m.reversed_by IS NULL
    UNION ALL
    SELECT s.node, h.msgid, s.posted_us, h.sent_us, h.heard_us
    FROM settlements s JOIN history h ON h.msgid = s.settled_by
  ) d
)
WHERE heard_before_us < sent_us;
