-- Made from schema.py by python -m reference_impl.books.sql.statements; parameters in the order named.

-- find_entry(msgid, sender)
SELECT entries.sender, entries.msgid, entries.code, entries.opened_us, entries.request, entries.reply, entries.reversed_by, entries.withdrawn FROM entries WHERE entries.msgid = ? AND entries.sender = ?

-- find_person(person)
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen FROM persons WHERE persons.person = ?

-- find_visit(visit)
SELECT visits.visit, visits.version, visits.person, visits.state, visits.opened_by, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by FROM visits WHERE visits.visit = ?

-- find_claim(visit)
SELECT claims.settlement, claims.visit, claims.person, claims.care_region, claims.insured_region, claims.code, claims.settled_by, claims.posted_us, claims.sign, claims.total_fen, claims.own_pay_fen, claims.over_limit_fen, claims.pre_self_pay_fen, claims.in_scope_fen, claims.deductible_fen, claims.first_self_pay_fen, claims.pool_fen, claims.large_sum_fen, claims.serious_illness_fen, claims.civil_servant_fen, claims.aid_fen, claims.other_fund_fen, claims.hospital_part_fen, claims.account_fen, claims.cash_fen, claims.reverses FROM claims WHERE claims.visit = ? AND claims.sign = 1 AND NOT (EXISTS (SELECT * FROM claims AS back WHERE back.visit = claims.visit AND back.sign = -1 AND back.reverses = claims.settlement)) ORDER BY claims.claim DESC

-- find_intents()
SELECT entries.sender, entries.msgid, entries.code, entries.opened_us, entries.request, entries.reply, entries.reversed_by, entries.withdrawn FROM entries WHERE entries.reply IS NULL AND entries.request IS NOT NULL AND entries.reversed_by IS NULL AND entries.withdrawn = 0 ORDER BY entries.opened_us, entries.entry

-- find_versions(person, visit)
SELECT (SELECT persons.version FROM persons WHERE persons.person = ?) AS anon_1, (SELECT visits.version FROM visits WHERE visits.visit = ?) AS anon_2

-- insert_entry(sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO entries (sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (msgid, sender) DO UPDATE SET code = excluded.code, opened_us = excluded.opened_us, request = excluded.request, reply = excluded.reply, reversed_by = coalesce(entries.reversed_by, excluded.reversed_by), withdrawn = excluded.withdrawn WHERE entries.withdrawn = 1

-- replace_entry(new_code, new_opened_us, new_request, new_reply, new_reversed_by, new_withdrawn, msgid, sender)
UPDATE entries SET code=?, opened_us=?, request=?, reply=?, reversed_by=coalesce(entries.reversed_by, ?), withdrawn=? WHERE entries.msgid = ? AND entries.sender = ?

-- mark_entry(sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO entries (sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (msgid, sender) DO UPDATE SET reversed_by = excluded.reversed_by WHERE entries.reversed_by IS NULL

-- write_person(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen)
INSERT INTO persons (person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, year = excluded.year, deductible_paid_fen = excluded.deductible_paid_fen, pool_paid_fen = excluded.pool_paid_fen, supplementary_paid_fen = excluded.supplementary_paid_fen, stays = excluded.stays, balance_fen = excluded.balance_fen, scope_self_paid_fen = excluded.scope_self_paid_fen

-- write_visit(visit, version, person, state, opened_by, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by)
INSERT INTO visits (visit, version, person, state, opened_by, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, person = excluded.person, state = excluded.state, opened_by = excluded.opened_by, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, by_category_fen = excluded.by_category_fen, settlement = excluded.settlement, settled_by = excluded.settled_by, held_by = excluded.held_by

-- insert_claim(settlement, visit, person, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses)
INSERT INTO claims (settlement, visit, person, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- insert_posting(posting, settlement, posted_us)
INSERT INTO postings (posting, settlement, posted_us) VALUES (?, ?, ?)

-- insert_leg(entry, leg, account, amount_fen)
INSERT INTO posting_legs (entry, leg, account, amount_fen) VALUES (?, ?, ?, ?)

-- all_entries()
SELECT entries.sender, entries.msgid, entries.code, entries.opened_us, entries.request, entries.reply, entries.reversed_by, entries.withdrawn FROM entries ORDER BY entries.entry

-- all_persons()
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen FROM persons

-- all_visits()
SELECT visits.visit, visits.version, visits.person, visits.state, visits.opened_by, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by FROM visits

-- all_claims()
SELECT claims.settlement, claims.visit, claims.person, claims.care_region, claims.insured_region, claims.code, claims.settled_by, claims.posted_us, claims.sign, claims.total_fen, claims.own_pay_fen, claims.over_limit_fen, claims.pre_self_pay_fen, claims.in_scope_fen, claims.deductible_fen, claims.first_self_pay_fen, claims.pool_fen, claims.large_sum_fen, claims.serious_illness_fen, claims.civil_servant_fen, claims.aid_fen, claims.other_fund_fen, claims.hospital_part_fen, claims.account_fen, claims.cash_fen, claims.reverses FROM claims ORDER BY claims.claim

-- all_postings()
SELECT postings.entry, postings.posting, postings.settlement, postings.posted_us FROM postings ORDER BY postings.entry

-- all_legs()
SELECT posting_legs.entry, posting_legs.leg, posting_legs.account, posting_legs.amount_fen FROM posting_legs ORDER BY posting_legs.entry, posting_legs.leg
