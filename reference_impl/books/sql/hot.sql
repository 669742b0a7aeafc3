-- Made from schema.py by python -m reference_impl.books.sql.statements; parameters in the order named.

-- find_message(msgid, sender)
SELECT messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages WHERE messages.msgid = ? AND messages.sender = ?

-- find_intents()
SELECT messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages WHERE messages.reply IS NULL AND messages.request IS NOT NULL AND messages.reversed_by IS NULL AND messages.withdrawn = 0 ORDER BY messages.opened_us, messages.serial

-- all_messages()
SELECT messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages ORDER BY messages.serial

-- keep_start()
INSERT INTO starts (serial) SELECT coalesce(max(starts.serial), 0) + 1 AS anon_1 FROM starts

-- count_starts()
SELECT count(*) AS count_1 FROM starts

-- latest_instant()
SELECT max(anon_1.at_us) AS max_1 FROM (SELECT max(messages.opened_us) AS at_us FROM messages UNION ALL SELECT max(settlements.posted_us) AS at_us FROM settlements UNION ALL SELECT max(postings.posted_us) AS at_us FROM postings) AS anon_1

-- last_of_trail()
SELECT trail.serial, trail.hash FROM trail WHERE trail.serial = (SELECT max(trail.serial) AS max_1 FROM trail)

-- keep_trail(serial, hash, content)
INSERT INTO trail (serial, hash, content) VALUES (?, ?, ?)

-- all_trail()
SELECT trail.serial, trail.hash, trail.content FROM trail ORDER BY trail.serial

-- unread_rows()
SELECT 'messages', messages.sender || ' ' || messages.msgid AS anon_1 FROM messages WHERE (messages.withdrawn NOT IN (0, 1)) UNION ALL SELECT 'postings_legs', CAST(postings_legs.serial AS TEXT) || ' ' || CAST(postings_legs.place AS TEXT) AS anon_2 FROM postings_legs WHERE NOT (EXISTS (SELECT * FROM postings WHERE postings.serial = postings_legs.serial)) OR postings_legs.place < 0 OR postings_legs.place >= (SELECT count(*) AS count_1 FROM postings_legs AS beside WHERE beside.serial = postings_legs.serial)

-- last_message()
SELECT max(messages.serial) AS max_1 FROM messages

-- find_visits(visit)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE visits.visit = ?

-- all_visits()
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits

-- find_charges(visit)
SELECT charges.visit, charges.version, charges.batches FROM charges WHERE charges.visit = ?

-- all_charges()
SELECT charges.visit, charges.version, charges.batches FROM charges

-- find_persons(person)
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons WHERE persons.person = ?

-- all_persons()
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons

-- find_settlements(visit)
SELECT settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements."before", settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements WHERE settlements.visit = ? AND settlements.sign = 1 AND NOT (EXISTS (SELECT * FROM settlements AS back WHERE back.visit = settlements.visit AND back.sign = -1 AND back.reverses = settlements.settlement AND back.serial > settlements.serial)) ORDER BY settlements.serial DESC

-- all_settlements()
SELECT settlements.serial, settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements."before", settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements ORDER BY settlements.serial

-- all_postings()
SELECT postings.serial, postings.posting, postings.settlement, postings.posted_us FROM postings ORDER BY postings.serial

-- find_settlement_copies(visit)
SELECT settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies WHERE settlement_copies.visit = ? AND settlement_copies.sign = 1 AND NOT (EXISTS (SELECT * FROM settlement_copies AS back WHERE back.visit = settlement_copies.visit AND back.sign = -1 AND back.reverses = settlement_copies.settlement AND back.serial > settlement_copies.serial)) ORDER BY settlement_copies.serial DESC

-- all_settlement_copies()
SELECT settlement_copies.serial, settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies ORDER BY settlement_copies.serial

-- find_filings(person)
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings WHERE filings.person = ?

-- all_filings()
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings

-- find_remembered(person)
SELECT remembered.person, remembered.version, remembered.past FROM remembered WHERE remembered.person = ?

-- all_remembered()
SELECT remembered.person, remembered.version, remembered.past FROM remembered

-- find_prefunds(care)
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds WHERE prefunds.care = ?

-- all_prefunds()
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds

-- find_continuations(continues)
SELECT continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations WHERE continuations.continues = ? AND continuations.sign = 1 AND NOT (EXISTS (SELECT * FROM continuations AS back WHERE back.continues = continuations.continues AND back.sign = -1 AND back.reverses = continuations.settlement AND back.serial > continuations.serial)) ORDER BY continuations.serial DESC

-- all_continuations()
SELECT continuations.serial, continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations ORDER BY continuations.serial

-- find_prescriptions(prescription)
SELECT prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions WHERE prescriptions.prescription = ? AND prescriptions.sign = 1 AND NOT (EXISTS (SELECT * FROM prescriptions AS back WHERE back.prescription = prescriptions.prescription AND back.sign = -1 AND back.reverses = prescriptions.settlement AND back.serial > prescriptions.serial)) ORDER BY prescriptions.serial DESC

-- all_prescriptions()
SELECT prescriptions.serial, prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions ORDER BY prescriptions.serial

-- find_visits_by_person(person)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE visits.person = ? ORDER BY visits.visit

-- all_postings_legs()
SELECT postings_legs.serial, postings_legs.place, postings_legs.account, postings_legs.amount_fen FROM postings_legs ORDER BY postings_legs.serial, postings_legs.place

-- page_charges(after_visit)
SELECT charges.visit, charges.version, charges.batches FROM charges WHERE (charges.visit) > (?) ORDER BY charges.visit

-- count_charges()
SELECT count(*) AS count_1 FROM charges

-- put_charges(visit, version, batches)
INSERT INTO charges (visit, version, batches) VALUES (?, ?, ?) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, batches = excluded.batches

-- drop_charges(visit)
DELETE FROM charges WHERE charges.visit = ?

-- page_continuations(after_serial)
SELECT continuations.serial, continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations WHERE (continuations.serial) > (?) ORDER BY continuations.serial

-- count_continuations()
SELECT count(*) AS count_1 FROM continuations

-- put_continuations(serial, settlement, continues, visit, sign, reverses)
INSERT INTO continuations (serial, settlement, continues, visit, sign, reverses) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, continues = excluded.continues, visit = excluded.visit, sign = excluded.sign, reverses = excluded.reverses

-- drop_continuations(serial)
DELETE FROM continuations WHERE continuations.serial = ?

-- page_filings(after_person)
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings WHERE (filings.person) > (?) ORDER BY filings.person

-- count_filings()
SELECT count(*) AS count_1 FROM filings

-- put_filings(person, version, filings, stays)
INSERT INTO filings (person, version, filings, stays) VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, filings = excluded.filings, stays = excluded.stays

-- drop_filings(person)
DELETE FROM filings WHERE filings.person = ?

-- page_messages(after_serial)
SELECT messages.serial, messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages WHERE (messages.serial) > (?) ORDER BY messages.serial

-- count_messages()
SELECT count(*) AS count_1 FROM messages

-- put_messages(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO messages (serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET sender = excluded.sender, msgid = excluded.msgid, code = excluded.code, opened_us = excluded.opened_us, request = excluded.request, reply = excluded.reply, reversed_by = excluded.reversed_by, withdrawn = excluded.withdrawn

-- drop_messages(serial)
DELETE FROM messages WHERE messages.serial = ?

-- page_persons(after_person)
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons WHERE (persons.person) > (?) ORDER BY persons.person

-- count_persons()
SELECT count(*) AS count_1 FROM persons

-- sums_persons()
SELECT coalesce(sum(persons.deductible_paid_fen), 0) AS deductible_paid_fen, coalesce(sum(persons.pool_paid_fen), 0) AS pool_paid_fen, coalesce(sum(persons.supplementary_paid_fen), 0) AS supplementary_paid_fen, coalesce(sum(persons.balance_fen), 0) AS balance_fen, coalesce(sum(persons.scope_self_paid_fen), 0) AS scope_self_paid_fen, coalesce(sum(persons.stay_deductible_paid_fen), 0) AS stay_deductible_paid_fen, coalesce(sum(persons.earlier_deductible_paid_fen), 0) AS earlier_deductible_paid_fen, coalesce(sum(persons.earlier_pool_paid_fen), 0) AS earlier_pool_paid_fen, coalesce(sum(persons.earlier_supplementary_paid_fen), 0) AS earlier_supplementary_paid_fen, coalesce(sum(persons.earlier_scope_self_paid_fen), 0) AS earlier_scope_self_paid_fen, coalesce(sum(persons.earlier_stay_deductible_paid_fen), 0) AS earlier_stay_deductible_paid_fen FROM persons

-- put_persons(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest)
INSERT INTO persons (person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, year = excluded.year, deductible_paid_fen = excluded.deductible_paid_fen, pool_paid_fen = excluded.pool_paid_fen, supplementary_paid_fen = excluded.supplementary_paid_fen, stays = excluded.stays, balance_fen = excluded.balance_fen, scope_self_paid_fen = excluded.scope_self_paid_fen, stay_deductible_paid_fen = excluded.stay_deductible_paid_fen, earlier_year = excluded.earlier_year, earlier_deductible_paid_fen = excluded.earlier_deductible_paid_fen, earlier_pool_paid_fen = excluded.earlier_pool_paid_fen, earlier_supplementary_paid_fen = excluded.earlier_supplementary_paid_fen, earlier_stays = excluded.earlier_stays, earlier_scope_self_paid_fen = excluded.earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen = excluded.earlier_stay_deductible_paid_fen, latest = excluded.latest

-- drop_persons(person)
DELETE FROM persons WHERE persons.person = ?

-- page_postings(after_serial)
SELECT postings.serial, postings.posting, postings.settlement, postings.posted_us FROM postings WHERE (postings.serial) > (?) ORDER BY postings.serial

-- count_postings()
SELECT count(*) AS count_1 FROM postings

-- put_postings(serial, posting, settlement, posted_us)
INSERT INTO postings (serial, posting, settlement, posted_us) VALUES (?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET posting = excluded.posting, settlement = excluded.settlement, posted_us = excluded.posted_us

-- drop_postings(serial)
DELETE FROM postings WHERE postings.serial = ?

-- page_postings_legs(after_serial, after_place)
SELECT postings_legs.serial, postings_legs.place, postings_legs.account, postings_legs.amount_fen FROM postings_legs WHERE (postings_legs.serial, postings_legs.place) > (?, ?) ORDER BY postings_legs.serial, postings_legs.place

-- count_postings_legs()
SELECT count(*) AS count_1 FROM postings_legs

-- sums_postings_legs()
SELECT coalesce(sum(postings_legs.amount_fen), 0) AS amount_fen FROM postings_legs

-- put_postings_legs(serial, place, account, amount_fen)
INSERT INTO postings_legs (serial, place, account, amount_fen) VALUES (?, ?, ?, ?) ON CONFLICT (serial, place) DO UPDATE SET account = excluded.account, amount_fen = excluded.amount_fen

-- drop_postings_legs(serial, place)
DELETE FROM postings_legs WHERE postings_legs.serial = ? AND postings_legs.place = ?

-- page_prefunds(after_care)
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds WHERE (prefunds.care) > (?) ORDER BY prefunds.care

-- count_prefunds()
SELECT count(*) AS count_1 FROM prefunds

-- sums_prefunds()
SELECT coalesce(sum(prefunds.posted_fen), 0) AS posted_fen FROM prefunds

-- put_prefunds(care, version, posted_fen)
INSERT INTO prefunds (care, version, posted_fen) VALUES (?, ?, ?) ON CONFLICT (care) DO UPDATE SET version = excluded.version, posted_fen = excluded.posted_fen

-- drop_prefunds(care)
DELETE FROM prefunds WHERE prefunds.care = ?

-- page_prescriptions(after_serial)
SELECT prescriptions.serial, prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions WHERE (prescriptions.serial) > (?) ORDER BY prescriptions.serial

-- count_prescriptions()
SELECT count(*) AS count_1 FROM prescriptions

-- put_prescriptions(serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs)
INSERT INTO prescriptions (serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, prescription = excluded.prescription, person = excluded.person, valid_until_us = excluded.valid_until_us, dispensed = excluded.dispensed, sign = excluded.sign, reverses = excluded.reverses, drugs = excluded.drugs

-- drop_prescriptions(serial)
DELETE FROM prescriptions WHERE prescriptions.serial = ?

-- page_remembered(after_person)
SELECT remembered.person, remembered.version, remembered.past FROM remembered WHERE (remembered.person) > (?) ORDER BY remembered.person

-- count_remembered()
SELECT count(*) AS count_1 FROM remembered

-- put_remembered(person, version, past)
INSERT INTO remembered (person, version, past) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, past = excluded.past

-- drop_remembered(person)
DELETE FROM remembered WHERE remembered.person = ?

-- page_settlement_copies(after_serial)
SELECT settlement_copies.serial, settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies WHERE (settlement_copies.serial) > (?) ORDER BY settlement_copies.serial

-- count_settlement_copies()
SELECT count(*) AS count_1 FROM settlement_copies

-- sums_settlement_copies()
SELECT coalesce(sum(settlement_copies.total_fen), 0) AS total_fen, coalesce(sum(settlement_copies.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(settlement_copies.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(settlement_copies.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(settlement_copies.in_scope_fen), 0) AS in_scope_fen, coalesce(sum(settlement_copies.deductible_fen), 0) AS deductible_fen, coalesce(sum(settlement_copies.first_self_pay_fen), 0) AS first_self_pay_fen, coalesce(sum(settlement_copies.pool_fen), 0) AS pool_fen, coalesce(sum(settlement_copies.large_sum_fen), 0) AS large_sum_fen, coalesce(sum(settlement_copies.serious_illness_fen), 0) AS serious_illness_fen, coalesce(sum(settlement_copies.civil_servant_fen), 0) AS civil_servant_fen, coalesce(sum(settlement_copies.aid_fen), 0) AS aid_fen, coalesce(sum(settlement_copies.other_fund_fen), 0) AS other_fund_fen, coalesce(sum(settlement_copies.hospital_part_fen), 0) AS hospital_part_fen, coalesce(sum(settlement_copies.account_fen), 0) AS account_fen, coalesce(sum(settlement_copies.cash_fen), 0) AS cash_fen FROM settlement_copies

-- put_settlement_copies(serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses)
INSERT INTO settlement_copies (serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, visit = excluded.visit, settled_by = excluded.settled_by, code = excluded.code, settled_us = excluded.settled_us, sign = excluded.sign, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, deductible_fen = excluded.deductible_fen, first_self_pay_fen = excluded.first_self_pay_fen, pool_fen = excluded.pool_fen, large_sum_fen = excluded.large_sum_fen, serious_illness_fen = excluded.serious_illness_fen, civil_servant_fen = excluded.civil_servant_fen, aid_fen = excluded.aid_fen, other_fund_fen = excluded.other_fund_fen, hospital_part_fen = excluded.hospital_part_fen, account_fen = excluded.account_fen, cash_fen = excluded.cash_fen, reverses = excluded.reverses

-- drop_settlement_copies(serial)
DELETE FROM settlement_copies WHERE settlement_copies.serial = ?

-- page_settlements(after_serial)
SELECT settlements.serial, settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements."before", settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements WHERE (settlements.serial) > (?) ORDER BY settlements.serial

-- count_settlements()
SELECT count(*) AS count_1 FROM settlements

-- sums_settlements()
SELECT coalesce(sum(settlements.total_fen), 0) AS total_fen, coalesce(sum(settlements.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(settlements.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(settlements.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(settlements.in_scope_fen), 0) AS in_scope_fen, coalesce(sum(settlements.deductible_fen), 0) AS deductible_fen, coalesce(sum(settlements.first_self_pay_fen), 0) AS first_self_pay_fen, coalesce(sum(settlements.pool_fen), 0) AS pool_fen, coalesce(sum(settlements.large_sum_fen), 0) AS large_sum_fen, coalesce(sum(settlements.serious_illness_fen), 0) AS serious_illness_fen, coalesce(sum(settlements.civil_servant_fen), 0) AS civil_servant_fen, coalesce(sum(settlements.aid_fen), 0) AS aid_fen, coalesce(sum(settlements.other_fund_fen), 0) AS other_fund_fen, coalesce(sum(settlements.hospital_part_fen), 0) AS hospital_part_fen, coalesce(sum(settlements.account_fen), 0) AS account_fen, coalesce(sum(settlements.cash_fen), 0) AS cash_fen, coalesce(sum(settlements.merged_deductible_fen), 0) AS merged_deductible_fen FROM settlements

-- put_settlements(serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription)
INSERT INTO settlements (serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, "before", filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, visit = excluded.visit, person = excluded.person, institution = excluded.institution, care_region = excluded.care_region, insured_region = excluded.insured_region, code = excluded.code, settled_by = excluded.settled_by, posted_us = excluded.posted_us, sign = excluded.sign, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, deductible_fen = excluded.deductible_fen, first_self_pay_fen = excluded.first_self_pay_fen, pool_fen = excluded.pool_fen, large_sum_fen = excluded.large_sum_fen, serious_illness_fen = excluded.serious_illness_fen, civil_servant_fen = excluded.civil_servant_fen, aid_fen = excluded.aid_fen, other_fund_fen = excluded.other_fund_fen, hospital_part_fen = excluded.hospital_part_fen, account_fen = excluded.account_fen, cash_fen = excluded.cash_fen, reverses = excluded.reverses, year = excluded.year, "before" = excluded."before", filing = excluded.filing, business_day = excluded.business_day, care_type = excluded.care_type, disease = excluded.disease, mid_stay = excluded.mid_stay, continues = excluded.continues, merged_deductible_fen = excluded.merged_deductible_fen, merged_stays = excluded.merged_stays, hospital_level = excluded.hospital_level, prescription = excluded.prescription

-- drop_settlements(serial)
DELETE FROM settlements WHERE settlements.serial = ?

-- page_starts(after_serial)
SELECT starts.serial FROM starts WHERE (starts.serial) > (?) ORDER BY starts.serial

-- put_starts(serial)
INSERT INTO starts (serial) VALUES (?) ON CONFLICT (serial) DO NOTHING

-- drop_starts(serial)
DELETE FROM starts WHERE starts.serial = ?

-- page_trail(after_serial)
SELECT trail.serial, trail.hash, trail.content FROM trail WHERE (trail.serial) > (?) ORDER BY trail.serial

-- count_trail()
SELECT count(*) AS count_1 FROM trail

-- put_trail(serial, hash, content)
INSERT INTO trail (serial, hash, content) VALUES (?, ?, ?) ON CONFLICT (serial) DO UPDATE SET hash = excluded.hash, content = excluded.content

-- drop_trail(serial)
DELETE FROM trail WHERE trail.serial = ?

-- page_visits(after_visit)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE (visits.visit) > (?) ORDER BY visits.visit

-- count_visits()
SELECT count(*) AS count_1 FROM visits

-- sums_visits()
SELECT coalesce(sum(visits.total_fen), 0) AS total_fen, coalesce(sum(visits.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(visits.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(visits.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(visits.in_scope_fen), 0) AS in_scope_fen FROM visits

-- put_visits(visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues)
INSERT INTO visits (visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, institution = excluded.institution, insured_region = excluded.insured_region, person = excluded.person, state = excluded.state, opened_by = excluded.opened_by, opened_as = excluded.opened_as, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, by_category_fen = excluded.by_category_fen, settlement = excluded.settlement, settled_by = excluded.settled_by, held_by = excluded.held_by, ended_us = excluded.ended_us, insurance = excluded.insurance, began_us = excluded.began_us, care_type = excluded.care_type, diagnosis = excluded.diagnosis, mid_stay = excluded.mid_stay, continues = excluded.continues

-- drop_visits(visit)
DELETE FROM visits WHERE visits.visit = ?

-- mark_of_message(msgid, sender)
SELECT messages.reversed_by FROM messages WHERE messages.msgid = ? AND messages.sender = ?

-- insert_message(sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO messages (sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (msgid, sender) DO UPDATE SET code = excluded.code, opened_us = excluded.opened_us, request = excluded.request, reply = excluded.reply, reversed_by = coalesce(messages.reversed_by, excluded.reversed_by), withdrawn = excluded.withdrawn WHERE messages.withdrawn = 1

-- close_message(new_reply, new_reversed_by, new_withdrawn, msgid, sender)
UPDATE messages SET reply=?, reversed_by=coalesce(messages.reversed_by, ?), withdrawn=? WHERE messages.msgid = ? AND messages.sender = ?

-- mark_message(sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO messages (sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (msgid, sender) DO UPDATE SET reversed_by = excluded.reversed_by WHERE messages.reversed_by IS NULL

-- lift_mark(msgid, sender, by)
UPDATE messages SET reversed_by=NULL, withdrawn=CASE WHEN (messages.request IS NULL) THEN 1 ELSE messages.withdrawn END WHERE messages.msgid = ? AND messages.sender = ? AND messages.reversed_by = ?

-- version_of_visits(visit)
SELECT visits.version FROM visits WHERE visits.visit = ?

-- keep_visits(visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues)
INSERT INTO visits (visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, institution = excluded.institution, insured_region = excluded.insured_region, person = excluded.person, state = excluded.state, opened_by = excluded.opened_by, opened_as = excluded.opened_as, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, by_category_fen = excluded.by_category_fen, settlement = excluded.settlement, settled_by = excluded.settled_by, held_by = excluded.held_by, ended_us = excluded.ended_us, insurance = excluded.insurance, began_us = excluded.began_us, care_type = excluded.care_type, diagnosis = excluded.diagnosis, mid_stay = excluded.mid_stay, continues = excluded.continues

-- version_of_charges(visit)
SELECT charges.version FROM charges WHERE charges.visit = ?

-- keep_charges(visit, version, batches)
INSERT INTO charges (visit, version, batches) VALUES (?, ?, ?) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, batches = excluded.batches

-- version_of_persons(person)
SELECT persons.version FROM persons WHERE persons.person = ?

-- keep_persons(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest)
INSERT INTO persons (person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, year = excluded.year, deductible_paid_fen = excluded.deductible_paid_fen, pool_paid_fen = excluded.pool_paid_fen, supplementary_paid_fen = excluded.supplementary_paid_fen, stays = excluded.stays, balance_fen = excluded.balance_fen, scope_self_paid_fen = excluded.scope_self_paid_fen, stay_deductible_paid_fen = excluded.stay_deductible_paid_fen, earlier_year = excluded.earlier_year, earlier_deductible_paid_fen = excluded.earlier_deductible_paid_fen, earlier_pool_paid_fen = excluded.earlier_pool_paid_fen, earlier_supplementary_paid_fen = excluded.earlier_supplementary_paid_fen, earlier_stays = excluded.earlier_stays, earlier_scope_self_paid_fen = excluded.earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen = excluded.earlier_stay_deductible_paid_fen, latest = excluded.latest

-- keep_settlements(settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription)
INSERT INTO settlements (settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, "before", filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- keep_postings(posting, settlement, posted_us)
INSERT INTO postings (posting, settlement, posted_us) VALUES (?, ?, ?)

-- keep_settlement_copies(settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses)
INSERT INTO settlement_copies (settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- version_of_filings(person)
SELECT filings.version FROM filings WHERE filings.person = ?

-- keep_filings(person, version, filings, stays)
INSERT INTO filings (person, version, filings, stays) VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, filings = excluded.filings, stays = excluded.stays

-- version_of_remembered(person)
SELECT remembered.version FROM remembered WHERE remembered.person = ?

-- keep_remembered(person, version, past)
INSERT INTO remembered (person, version, past) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE SET version = excluded.version, past = excluded.past

-- version_of_prefunds(care)
SELECT prefunds.version FROM prefunds WHERE prefunds.care = ?

-- keep_prefunds(care, version, posted_fen)
INSERT INTO prefunds (care, version, posted_fen) VALUES (?, ?, ?) ON CONFLICT (care) DO UPDATE SET version = excluded.version, posted_fen = excluded.posted_fen

-- keep_continuations(settlement, continues, visit, sign, reverses)
INSERT INTO continuations (settlement, continues, visit, sign, reverses) VALUES (?, ?, ?, ?, ?)

-- keep_prescriptions(settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs)
INSERT INTO prescriptions (settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- keep_postings_legs(serial, place, account, amount_fen)
INSERT INTO postings_legs (serial, place, account, amount_fen) VALUES (?, ?, ?, ?)
