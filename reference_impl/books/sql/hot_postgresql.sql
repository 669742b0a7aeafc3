-- Made from schema.py by python -m reference_impl.books.sql.statements; parameters in the order named.

-- create_charges()
CREATE TABLE charges ( visit TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, batches TEXT NOT NULL, PRIMARY KEY (visit) )

-- create_continuations()
CREATE TABLE continuations ( serial BIGINT NOT NULL, settlement TEXT NOT NULL, continues TEXT NOT NULL, visit TEXT NOT NULL, sign BIGINT NOT NULL, reverses TEXT NOT NULL, PRIMARY KEY (serial) )

-- create_continuations_by_continues()
CREATE INDEX continuations_by_continues ON continuations (continues)

-- create_filings()
CREATE TABLE filings ( person TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, filings TEXT NOT NULL, stays TEXT NOT NULL, PRIMARY KEY (person) )

-- create_messages()
CREATE TABLE messages ( serial BIGINT NOT NULL, sender TEXT NOT NULL, msgid TEXT NOT NULL, code TEXT NOT NULL, opened_us BIGINT NOT NULL, request BYTEA, reply BYTEA, reversed_by TEXT, withdrawn BIGINT NOT NULL, PRIMARY KEY (serial), UNIQUE (msgid, sender) )

-- create_open_intents()
CREATE INDEX open_intents ON messages (opened_us) WHERE reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0

-- create_persons()
CREATE TABLE persons ( person TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, year BIGINT NOT NULL, deductible_paid_fen BIGINT NOT NULL, pool_paid_fen BIGINT NOT NULL, supplementary_paid_fen BIGINT NOT NULL, stays BIGINT NOT NULL, balance_fen BIGINT NOT NULL, scope_self_paid_fen BIGINT NOT NULL, stay_deductible_paid_fen BIGINT NOT NULL, earlier_year BIGINT NOT NULL, earlier_deductible_paid_fen BIGINT NOT NULL, earlier_pool_paid_fen BIGINT NOT NULL, earlier_supplementary_paid_fen BIGINT NOT NULL, earlier_stays BIGINT NOT NULL, earlier_scope_self_paid_fen BIGINT NOT NULL, earlier_stay_deductible_paid_fen BIGINT NOT NULL, latest TEXT NOT NULL, PRIMARY KEY (person) )

-- create_postings()
CREATE TABLE postings ( serial BIGINT NOT NULL, posting TEXT NOT NULL, settlement TEXT NOT NULL, posted_us BIGINT NOT NULL, PRIMARY KEY (serial) )

-- create_postings_legs()
CREATE TABLE postings_legs ( serial BIGINT NOT NULL, place BIGINT NOT NULL, account TEXT NOT NULL, amount_fen BIGINT NOT NULL, PRIMARY KEY (serial, place) )

-- create_prefunds()
CREATE TABLE prefunds ( care TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, posted_fen BIGINT NOT NULL, PRIMARY KEY (care) )

-- create_prescriptions()
CREATE TABLE prescriptions ( serial BIGINT NOT NULL, settlement TEXT NOT NULL, prescription TEXT NOT NULL, person TEXT NOT NULL, valid_until_us BIGINT NOT NULL, dispensed BIGINT NOT NULL, sign BIGINT NOT NULL, reverses TEXT NOT NULL, drugs TEXT NOT NULL, PRIMARY KEY (serial) )

-- create_prescriptions_by_prescription()
CREATE INDEX prescriptions_by_prescription ON prescriptions (prescription)

-- create_remembered()
CREATE TABLE remembered ( person TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, past TEXT NOT NULL, PRIMARY KEY (person) )

-- create_settlement_copies()
CREATE TABLE settlement_copies ( serial BIGINT NOT NULL, settlement TEXT NOT NULL, visit TEXT NOT NULL, settled_by TEXT NOT NULL, code TEXT NOT NULL, settled_us BIGINT NOT NULL, sign BIGINT NOT NULL, total_fen BIGINT NOT NULL, own_pay_fen BIGINT NOT NULL, over_limit_fen BIGINT NOT NULL, pre_self_pay_fen BIGINT NOT NULL, in_scope_fen BIGINT NOT NULL, deductible_fen BIGINT NOT NULL, first_self_pay_fen BIGINT NOT NULL, pool_fen BIGINT NOT NULL, large_sum_fen BIGINT NOT NULL, serious_illness_fen BIGINT NOT NULL, civil_servant_fen BIGINT NOT NULL, aid_fen BIGINT NOT NULL, other_fund_fen BIGINT NOT NULL, hospital_part_fen BIGINT NOT NULL, account_fen BIGINT NOT NULL, cash_fen BIGINT NOT NULL, reverses TEXT NOT NULL, PRIMARY KEY (serial) )

-- create_settlement_copies_by_visit()
CREATE INDEX settlement_copies_by_visit ON settlement_copies (visit)

-- create_settlements()
CREATE TABLE settlements ( serial BIGINT NOT NULL, settlement TEXT NOT NULL, visit TEXT NOT NULL, person TEXT NOT NULL, institution TEXT NOT NULL, care_region TEXT NOT NULL, insured_region TEXT NOT NULL, code TEXT NOT NULL, settled_by TEXT NOT NULL, posted_us BIGINT NOT NULL, sign BIGINT NOT NULL, total_fen BIGINT NOT NULL, own_pay_fen BIGINT NOT NULL, over_limit_fen BIGINT NOT NULL, pre_self_pay_fen BIGINT NOT NULL, in_scope_fen BIGINT NOT NULL, deductible_fen BIGINT NOT NULL, first_self_pay_fen BIGINT NOT NULL, pool_fen BIGINT NOT NULL, large_sum_fen BIGINT NOT NULL, serious_illness_fen BIGINT NOT NULL, civil_servant_fen BIGINT NOT NULL, aid_fen BIGINT NOT NULL, other_fund_fen BIGINT NOT NULL, hospital_part_fen BIGINT NOT NULL, account_fen BIGINT NOT NULL, cash_fen BIGINT NOT NULL, reverses TEXT NOT NULL, year BIGINT NOT NULL, before TEXT NOT NULL, filing TEXT NOT NULL, business_day BIGINT NOT NULL, care_type TEXT NOT NULL, disease TEXT NOT NULL, mid_stay BIGINT NOT NULL, continues TEXT NOT NULL, merged_deductible_fen BIGINT NOT NULL, merged_stays BIGINT NOT NULL, hospital_level BIGINT NOT NULL, prescription TEXT NOT NULL, PRIMARY KEY (serial) )

-- create_settlements_by_visit()
CREATE INDEX settlements_by_visit ON settlements (visit)

-- create_starts()
CREATE TABLE starts ( serial BIGINT NOT NULL, PRIMARY KEY (serial) )

-- create_trail()
CREATE TABLE trail ( serial BIGINT NOT NULL, hash BYTEA NOT NULL, content BYTEA NOT NULL, PRIMARY KEY (serial) )

-- create_visits()
CREATE TABLE visits ( visit TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, institution TEXT NOT NULL, insured_region TEXT NOT NULL, person TEXT NOT NULL, state TEXT NOT NULL, opened_by TEXT NOT NULL, opened_as TEXT NOT NULL, total_fen BIGINT NOT NULL, own_pay_fen BIGINT NOT NULL, over_limit_fen BIGINT NOT NULL, pre_self_pay_fen BIGINT NOT NULL, in_scope_fen BIGINT NOT NULL, by_category_fen TEXT NOT NULL, settlement TEXT NOT NULL, settled_by TEXT NOT NULL, held_by TEXT NOT NULL, ended_us BIGINT NOT NULL, insurance TEXT NOT NULL, began_us BIGINT NOT NULL, care_type TEXT NOT NULL, diagnosis TEXT NOT NULL, mid_stay BIGINT NOT NULL, continues TEXT NOT NULL, PRIMARY KEY (visit) )

-- create_visits_by_person()
CREATE INDEX visits_by_person ON visits (person)

-- drop_write_group()
DROP FUNCTION IF EXISTS write_group

-- drop_last_group()
DROP TABLE IF EXISTS last_group

-- create_last_group()
CREATE TABLE last_group (number BIGINT NOT NULL, verdicts TEXT NOT NULL, opened BIGINT NOT NULL)

-- begin_last_group()
INSERT INTO last_group (number, verdicts, opened) VALUES (0, '', 0)

-- drop_row_of_messages()
DROP TYPE IF EXISTS row_of_messages

-- create_row_of_messages()
CREATE TYPE row_of_messages AS (serial BIGINT, sender TEXT, msgid TEXT, code TEXT, opened_us BIGINT, request BYTEA, reply BYTEA, reversed_by TEXT, withdrawn BIGINT)

-- drop_row_of_visits()
DROP TYPE IF EXISTS row_of_visits

-- create_row_of_visits()
CREATE TYPE row_of_visits AS (visit TEXT COLLATE "C", version BIGINT, institution TEXT, insured_region TEXT, person TEXT, state TEXT, opened_by TEXT, opened_as TEXT, total_fen BIGINT, own_pay_fen BIGINT, over_limit_fen BIGINT, pre_self_pay_fen BIGINT, in_scope_fen BIGINT, by_category_fen TEXT, settlement TEXT, settled_by TEXT, held_by TEXT, ended_us BIGINT, insurance TEXT, began_us BIGINT, care_type TEXT, diagnosis TEXT, mid_stay BIGINT, continues TEXT)

-- drop_row_of_charges()
DROP TYPE IF EXISTS row_of_charges

-- create_row_of_charges()
CREATE TYPE row_of_charges AS (visit TEXT COLLATE "C", version BIGINT, batches TEXT)

-- drop_row_of_persons()
DROP TYPE IF EXISTS row_of_persons

-- create_row_of_persons()
CREATE TYPE row_of_persons AS (person TEXT COLLATE "C", version BIGINT, year BIGINT, deductible_paid_fen BIGINT, pool_paid_fen BIGINT, supplementary_paid_fen BIGINT, stays BIGINT, balance_fen BIGINT, scope_self_paid_fen BIGINT, stay_deductible_paid_fen BIGINT, earlier_year BIGINT, earlier_deductible_paid_fen BIGINT, earlier_pool_paid_fen BIGINT, earlier_supplementary_paid_fen BIGINT, earlier_stays BIGINT, earlier_scope_self_paid_fen BIGINT, earlier_stay_deductible_paid_fen BIGINT, latest TEXT)

-- drop_row_of_settlements()
DROP TYPE IF EXISTS row_of_settlements

-- create_row_of_settlements()
CREATE TYPE row_of_settlements AS (serial BIGINT, settlement TEXT, visit TEXT, person TEXT, institution TEXT, care_region TEXT, insured_region TEXT, code TEXT, settled_by TEXT, posted_us BIGINT, sign BIGINT, total_fen BIGINT, own_pay_fen BIGINT, over_limit_fen BIGINT, pre_self_pay_fen BIGINT, in_scope_fen BIGINT, deductible_fen BIGINT, first_self_pay_fen BIGINT, pool_fen BIGINT, large_sum_fen BIGINT, serious_illness_fen BIGINT, civil_servant_fen BIGINT, aid_fen BIGINT, other_fund_fen BIGINT, hospital_part_fen BIGINT, account_fen BIGINT, cash_fen BIGINT, reverses TEXT, year BIGINT, before TEXT, filing TEXT, business_day BIGINT, care_type TEXT, disease TEXT, mid_stay BIGINT, continues TEXT, merged_deductible_fen BIGINT, merged_stays BIGINT, hospital_level BIGINT, prescription TEXT)

-- drop_row_of_postings()
DROP TYPE IF EXISTS row_of_postings

-- create_row_of_postings()
CREATE TYPE row_of_postings AS (serial BIGINT, posting TEXT, settlement TEXT, posted_us BIGINT)

-- drop_row_of_settlement_copies()
DROP TYPE IF EXISTS row_of_settlement_copies

-- create_row_of_settlement_copies()
CREATE TYPE row_of_settlement_copies AS (serial BIGINT, settlement TEXT, visit TEXT, settled_by TEXT, code TEXT, settled_us BIGINT, sign BIGINT, total_fen BIGINT, own_pay_fen BIGINT, over_limit_fen BIGINT, pre_self_pay_fen BIGINT, in_scope_fen BIGINT, deductible_fen BIGINT, first_self_pay_fen BIGINT, pool_fen BIGINT, large_sum_fen BIGINT, serious_illness_fen BIGINT, civil_servant_fen BIGINT, aid_fen BIGINT, other_fund_fen BIGINT, hospital_part_fen BIGINT, account_fen BIGINT, cash_fen BIGINT, reverses TEXT)

-- drop_row_of_filings()
DROP TYPE IF EXISTS row_of_filings

-- create_row_of_filings()
CREATE TYPE row_of_filings AS (person TEXT COLLATE "C", version BIGINT, filings TEXT, stays TEXT)

-- drop_row_of_remembered()
DROP TYPE IF EXISTS row_of_remembered

-- create_row_of_remembered()
CREATE TYPE row_of_remembered AS (person TEXT COLLATE "C", version BIGINT, past TEXT)

-- drop_row_of_prefunds()
DROP TYPE IF EXISTS row_of_prefunds

-- create_row_of_prefunds()
CREATE TYPE row_of_prefunds AS (care TEXT COLLATE "C", version BIGINT, posted_fen BIGINT)

-- drop_row_of_continuations()
DROP TYPE IF EXISTS row_of_continuations

-- create_row_of_continuations()
CREATE TYPE row_of_continuations AS (serial BIGINT, settlement TEXT, continues TEXT, visit TEXT, sign BIGINT, reverses TEXT)

-- drop_row_of_prescriptions()
DROP TYPE IF EXISTS row_of_prescriptions

-- create_row_of_prescriptions()
CREATE TYPE row_of_prescriptions AS (serial BIGINT, settlement TEXT, prescription TEXT, person TEXT, valid_until_us BIGINT, dispensed BIGINT, sign BIGINT, reverses TEXT, drugs TEXT)

-- drop_row_of_postings_legs()
DROP TYPE IF EXISTS row_of_postings_legs

-- create_row_of_postings_legs()
CREATE TYPE row_of_postings_legs AS (serial BIGINT, place BIGINT, account TEXT, amount_fen BIGINT)

-- create_write_group()
CREATE FUNCTION write_group(group_number BIGINT, said row_of_messages[], inserts BOOLEAN[], with_records BOOLEAN[], told BYTEA[], rows_of_marks row_of_messages[], places_of_marks BIGINT[], rows_of_lifted row_of_messages[], places_of_lifted BIGINT[], rows_of_visits row_of_visits[], places_of_visits BIGINT[], rows_of_charges row_of_charges[], places_of_charges BIGINT[], rows_of_persons row_of_persons[], places_of_persons BIGINT[], rows_of_settlements row_of_settlements[], places_of_settlements BIGINT[], rows_of_postings row_of_postings[], places_of_postings BIGINT[], rows_of_settlement_copies row_of_settlement_copies[], places_of_settlement_copies BIGINT[], rows_of_filings row_of_filings[], places_of_filings BIGINT[], rows_of_remembered row_of_remembered[], places_of_remembered BIGINT[], rows_of_prefunds row_of_prefunds[], places_of_prefunds BIGINT[], rows_of_continuations row_of_continuations[], places_of_continuations BIGINT[], rows_of_prescriptions row_of_prescriptions[], places_of_prescriptions BIGINT[], rows_of_postings_legs row_of_postings_legs[], places_of_postings_legs BIGINT[]) RETURNS TEXT LANGUAGE plpgsql AS $body$ DECLARE stale BIGINT[] := '{}'; judged TEXT; holds BOOLEAN[]; BEGIN IF places_of_visits IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_visits), unnest(places_of_visits)) AS one(visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues, of_change) LEFT JOIN visits AS there ON there.visit = one.visit WHERE one.version <> coalesce(there.version, 0) + 1); END IF; IF places_of_charges IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_charges), unnest(places_of_charges)) AS one(visit, version, batches, of_change) LEFT JOIN charges AS there ON there.visit = one.visit WHERE one.version <> coalesce(there.version, 0) + 1); END IF; IF places_of_persons IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_persons), unnest(places_of_persons)) AS one(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest, of_change) LEFT JOIN persons AS there ON there.person = one.person WHERE one.version <> coalesce(there.version, 0) + 1); END IF; IF places_of_filings IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_filings), unnest(places_of_filings)) AS one(person, version, filings, stays, of_change) LEFT JOIN filings AS there ON there.person = one.person WHERE one.version <> coalesce(there.version, 0) + 1); END IF; IF places_of_remembered IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_remembered), unnest(places_of_remembered)) AS one(person, version, past, of_change) LEFT JOIN remembered AS there ON there.person = one.person WHERE one.version <> coalesce(there.version, 0) + 1); END IF; IF places_of_prefunds IS NOT NULL THEN stale := stale || ARRAY( SELECT one.of_change FROM ROWS FROM (unnest(rows_of_prefunds), unnest(places_of_prefunds)) AS one(care, version, posted_fen, of_change) LEFT JOIN prefunds AS there ON there.care = one.care WHERE one.version <> coalesce(there.version, 0) + 1); END IF; SELECT string_agg(each.verdict, '' ORDER BY each.of_change), array_agg(each.verdict = 'c' ORDER BY each.of_change) INTO judged, holds FROM (SELECT one.of_change, CASE WHEN there.msgid IS NULL AND NOT one.inserts THEN 'n' WHEN there.withdrawn = 0 AND one.inserts THEN 'k' WHEN one.of_change = ANY (stale) THEN 's' WHEN NOT one.inserts AND one.with_records AND one.reversed_by IS NULL AND there.reversed_by IS NOT NULL THEN 's' ELSE 'c' END AS verdict FROM ROWS FROM (unnest(said), unnest(inserts), unnest(with_records)) WITH ORDINALITY AS one(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn, inserts, with_records, of_change) LEFT JOIN messages AS there ON there.msgid = one.msgid AND there.sender = one.sender ) AS each; IF true = ANY (inserts) THEN INSERT INTO messages (serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) SELECT one.serial, one.sender, one.msgid, one.code, one.opened_us, one.request, one.reply, one.reversed_by, one.withdrawn FROM ROWS FROM (unnest(said), unnest(inserts), unnest(with_records)) WITH ORDINALITY AS one(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn, inserts, with_records, of_change) WHERE one.inserts AND holds[one.of_change] ORDER BY one.of_change ON CONFLICT (msgid, sender) DO UPDATE SET code = excluded.code, opened_us = excluded.opened_us, request = excluded.request, reply = excluded.reply, reversed_by = coalesce(messages.reversed_by, excluded.reversed_by), withdrawn = excluded.withdrawn WHERE messages.withdrawn = 1; END IF; IF false = ANY (inserts) THEN UPDATE messages SET reply = one.reply, reversed_by = coalesce(messages.reversed_by, one.reversed_by), withdrawn = one.withdrawn FROM ROWS FROM (unnest(said), unnest(inserts), unnest(with_records)) WITH ORDINALITY AS one(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn, inserts, with_records, of_change) WHERE messages.msgid = one.msgid AND messages.sender = one.sender AND NOT one.inserts AND holds[one.of_change]; END IF; IF places_of_marks IS NOT NULL THEN INSERT INTO messages (serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) SELECT one.serial, one.sender, one.msgid, one.code, one.opened_us, one.request, one.reply, one.reversed_by, one.withdrawn FROM ROWS FROM (unnest(rows_of_marks), unnest(places_of_marks)) AS one(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (msgid, sender) DO UPDATE SET reversed_by = excluded.reversed_by WHERE messages.reversed_by IS NULL; END IF; IF places_of_lifted IS NOT NULL THEN UPDATE messages SET reversed_by = NULL, withdrawn = CASE WHEN messages.request IS NULL THEN 1 ELSE messages.withdrawn END FROM ROWS FROM (unnest(rows_of_lifted), unnest(places_of_lifted)) AS one(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn, of_change) WHERE messages.msgid = one.msgid AND messages.sender = one.sender AND messages.reversed_by = one.reversed_by AND holds[one.of_change]; END IF; IF places_of_visits IS NOT NULL THEN INSERT INTO visits (visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues) SELECT one.visit, one.version, one.institution, one.insured_region, one.person, one.state, one.opened_by, one.opened_as, one.total_fen, one.own_pay_fen, one.over_limit_fen, one.pre_self_pay_fen, one.in_scope_fen, one.by_category_fen, one.settlement, one.settled_by, one.held_by, one.ended_us, one.insurance, one.began_us, one.care_type, one.diagnosis, one.mid_stay, one.continues FROM ROWS FROM (unnest(rows_of_visits), unnest(places_of_visits)) AS one(visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (visit) DO UPDATE SET version = excluded.version, institution = excluded.institution, insured_region = excluded.insured_region, person = excluded.person, state = excluded.state, opened_by = excluded.opened_by, opened_as = excluded.opened_as, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, by_category_fen = excluded.by_category_fen, settlement = excluded.settlement, settled_by = excluded.settled_by, held_by = excluded.held_by, ended_us = excluded.ended_us, insurance = excluded.insurance, began_us = excluded.began_us, care_type = excluded.care_type, diagnosis = excluded.diagnosis, mid_stay = excluded.mid_stay, continues = excluded.continues; END IF; IF places_of_charges IS NOT NULL THEN INSERT INTO charges (visit, version, batches) SELECT one.visit, one.version, one.batches FROM ROWS FROM (unnest(rows_of_charges), unnest(places_of_charges)) AS one(visit, version, batches, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (visit) DO UPDATE SET version = excluded.version, batches = excluded.batches; END IF; IF places_of_persons IS NOT NULL THEN INSERT INTO persons (person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest) SELECT one.person, one.version, one.year, one.deductible_paid_fen, one.pool_paid_fen, one.supplementary_paid_fen, one.stays, one.balance_fen, one.scope_self_paid_fen, one.stay_deductible_paid_fen, one.earlier_year, one.earlier_deductible_paid_fen, one.earlier_pool_paid_fen, one.earlier_supplementary_paid_fen, one.earlier_stays, one.earlier_scope_self_paid_fen, one.earlier_stay_deductible_paid_fen, one.latest FROM ROWS FROM (unnest(rows_of_persons), unnest(places_of_persons)) AS one(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (person) DO UPDATE SET version = excluded.version, year = excluded.year, deductible_paid_fen = excluded.deductible_paid_fen, pool_paid_fen = excluded.pool_paid_fen, supplementary_paid_fen = excluded.supplementary_paid_fen, stays = excluded.stays, balance_fen = excluded.balance_fen, scope_self_paid_fen = excluded.scope_self_paid_fen, stay_deductible_paid_fen = excluded.stay_deductible_paid_fen, earlier_year = excluded.earlier_year, earlier_deductible_paid_fen = excluded.earlier_deductible_paid_fen, earlier_pool_paid_fen = excluded.earlier_pool_paid_fen, earlier_supplementary_paid_fen = excluded.earlier_supplementary_paid_fen, earlier_stays = excluded.earlier_stays, earlier_scope_self_paid_fen = excluded.earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen = excluded.earlier_stay_deductible_paid_fen, latest = excluded.latest; END IF; IF places_of_settlements IS NOT NULL THEN INSERT INTO settlements (serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription) SELECT one.serial, one.settlement, one.visit, one.person, one.institution, one.care_region, one.insured_region, one.code, one.settled_by, one.posted_us, one.sign, one.total_fen, one.own_pay_fen, one.over_limit_fen, one.pre_self_pay_fen, one.in_scope_fen, one.deductible_fen, one.first_self_pay_fen, one.pool_fen, one.large_sum_fen, one.serious_illness_fen, one.civil_servant_fen, one.aid_fen, one.other_fund_fen, one.hospital_part_fen, one.account_fen, one.cash_fen, one.reverses, one.year, one.before, one.filing, one.business_day, one.care_type, one.disease, one.mid_stay, one.continues, one.merged_deductible_fen, one.merged_stays, one.hospital_level, one.prescription FROM ROWS FROM (unnest(rows_of_settlements), unnest(places_of_settlements)) AS one(serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; IF places_of_postings IS NOT NULL THEN INSERT INTO postings (serial, posting, settlement, posted_us) SELECT one.serial, one.posting, one.settlement, one.posted_us FROM ROWS FROM (unnest(rows_of_postings), unnest(places_of_postings)) AS one(serial, posting, settlement, posted_us, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; IF places_of_settlement_copies IS NOT NULL THEN INSERT INTO settlement_copies (serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses) SELECT one.serial, one.settlement, one.visit, one.settled_by, one.code, one.settled_us, one.sign, one.total_fen, one.own_pay_fen, one.over_limit_fen, one.pre_self_pay_fen, one.in_scope_fen, one.deductible_fen, one.first_self_pay_fen, one.pool_fen, one.large_sum_fen, one.serious_illness_fen, one.civil_servant_fen, one.aid_fen, one.other_fund_fen, one.hospital_part_fen, one.account_fen, one.cash_fen, one.reverses FROM ROWS FROM (unnest(rows_of_settlement_copies), unnest(places_of_settlement_copies)) AS one(serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; IF places_of_filings IS NOT NULL THEN INSERT INTO filings (person, version, filings, stays) SELECT one.person, one.version, one.filings, one.stays FROM ROWS FROM (unnest(rows_of_filings), unnest(places_of_filings)) AS one(person, version, filings, stays, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (person) DO UPDATE SET version = excluded.version, filings = excluded.filings, stays = excluded.stays; END IF; IF places_of_remembered IS NOT NULL THEN INSERT INTO remembered (person, version, past) SELECT one.person, one.version, one.past FROM ROWS FROM (unnest(rows_of_remembered), unnest(places_of_remembered)) AS one(person, version, past, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (person) DO UPDATE SET version = excluded.version, past = excluded.past; END IF; IF places_of_prefunds IS NOT NULL THEN INSERT INTO prefunds (care, version, posted_fen) SELECT one.care, one.version, one.posted_fen FROM ROWS FROM (unnest(rows_of_prefunds), unnest(places_of_prefunds)) AS one(care, version, posted_fen, of_change) WHERE holds[one.of_change] ORDER BY one.of_change ON CONFLICT (care) DO UPDATE SET version = excluded.version, posted_fen = excluded.posted_fen; END IF; IF places_of_continuations IS NOT NULL THEN INSERT INTO continuations (serial, settlement, continues, visit, sign, reverses) SELECT one.serial, one.settlement, one.continues, one.visit, one.sign, one.reverses FROM ROWS FROM (unnest(rows_of_continuations), unnest(places_of_continuations)) AS one(serial, settlement, continues, visit, sign, reverses, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; IF places_of_prescriptions IS NOT NULL THEN INSERT INTO prescriptions (serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs) SELECT one.serial, one.settlement, one.prescription, one.person, one.valid_until_us, one.dispensed, one.sign, one.reverses, one.drugs FROM ROWS FROM (unnest(rows_of_prescriptions), unnest(places_of_prescriptions)) AS one(serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; IF places_of_postings_legs IS NOT NULL THEN INSERT INTO postings_legs (serial, place, account, amount_fen) SELECT one.serial, one.place, one.account, one.amount_fen FROM ROWS FROM (unnest(rows_of_postings_legs), unnest(places_of_postings_legs)) AS one(serial, place, account, amount_fen, of_change) WHERE holds[one.of_change] ORDER BY one.of_change; END IF; INSERT INTO trail (serial, hash, content) SELECT made.serial, sha256(made.before || int8send(made.serial) || made.content), made.content FROM ( SELECT coalesce(last.serial, 0) + 1 AS serial, coalesce(last.hash, '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea) AS before, '\x92a567726f7570'::bytea || CASE WHEN those.count < 16 THEN substr(int4send(144 + those.count::int), 4) ELSE '\xdc'::bytea || substr(int4send(those.count::int), 3) END || those.all_told AS content FROM ( SELECT count(*) AS count, string_agg(one.told, '\x'::bytea ORDER BY one.of_change) AS all_told FROM unnest(told) WITH ORDINALITY AS one(told, of_change) WHERE holds[one.of_change] ) AS those LEFT JOIN (SELECT serial, hash FROM trail ORDER BY serial DESC LIMIT 1) AS last ON true WHERE those.count > 0 ) AS made; UPDATE last_group SET number = group_number, verdicts = judged; RETURN judged; END $body$

-- find_message(msgid, sender)
SELECT messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages WHERE messages.msgid = $1::VARCHAR AND messages.sender = $2::VARCHAR

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
INSERT INTO trail (serial, hash, content) VALUES ($1::BIGINT, $2, $3)

-- all_trail()
SELECT trail.serial, trail.hash, trail.content FROM trail ORDER BY trail.serial

-- unread_rows()
SELECT 'messages', messages.sender || ' ' || messages.msgid AS anon_1 FROM messages WHERE (messages.withdrawn NOT IN (0, 1)) UNION ALL SELECT 'postings_legs', CAST(postings_legs.serial AS TEXT) || ' ' || CAST(postings_legs.place AS TEXT) AS anon_2 FROM postings_legs WHERE NOT (EXISTS (SELECT * FROM postings WHERE postings.serial = postings_legs.serial)) OR postings_legs.place < 0 OR postings_legs.place >= (SELECT count(*) AS count_1 FROM postings_legs AS beside WHERE beside.serial = postings_legs.serial)

-- last_message()
SELECT max(messages.serial) AS max_1 FROM messages

-- find_visits(visit)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE visits.visit = $1::VARCHAR COLLATE "C"

-- all_visits()
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits

-- find_charges(visit)
SELECT charges.visit, charges.version, charges.batches FROM charges WHERE charges.visit = $1::VARCHAR COLLATE "C"

-- all_charges()
SELECT charges.visit, charges.version, charges.batches FROM charges

-- find_persons(person)
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons WHERE persons.person = $1::VARCHAR COLLATE "C"

-- all_persons()
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons

-- find_settlements(visit)
SELECT settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements.before, settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements WHERE settlements.visit = $1::VARCHAR AND settlements.sign = 1 AND NOT (EXISTS (SELECT * FROM settlements AS back WHERE back.visit = settlements.visit AND back.sign = -1 AND back.reverses = settlements.settlement AND back.serial > settlements.serial)) ORDER BY settlements.serial DESC

-- all_settlements()
SELECT settlements.serial, settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements.before, settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements ORDER BY settlements.serial

-- all_postings()
SELECT postings.serial, postings.posting, postings.settlement, postings.posted_us FROM postings ORDER BY postings.serial

-- find_settlement_copies(visit)
SELECT settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies WHERE settlement_copies.visit = $1::VARCHAR AND settlement_copies.sign = 1 AND NOT (EXISTS (SELECT * FROM settlement_copies AS back WHERE back.visit = settlement_copies.visit AND back.sign = -1 AND back.reverses = settlement_copies.settlement AND back.serial > settlement_copies.serial)) ORDER BY settlement_copies.serial DESC

-- all_settlement_copies()
SELECT settlement_copies.serial, settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies ORDER BY settlement_copies.serial

-- find_filings(person)
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings WHERE filings.person = $1::VARCHAR COLLATE "C"

-- all_filings()
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings

-- find_remembered(person)
SELECT remembered.person, remembered.version, remembered.past FROM remembered WHERE remembered.person = $1::VARCHAR COLLATE "C"

-- all_remembered()
SELECT remembered.person, remembered.version, remembered.past FROM remembered

-- find_prefunds(care)
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds WHERE prefunds.care = $1::VARCHAR COLLATE "C"

-- all_prefunds()
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds

-- find_continuations(continues)
SELECT continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations WHERE continuations.continues = $1::VARCHAR AND continuations.sign = 1 AND NOT (EXISTS (SELECT * FROM continuations AS back WHERE back.continues = continuations.continues AND back.sign = -1 AND back.reverses = continuations.settlement AND back.serial > continuations.serial)) ORDER BY continuations.serial DESC

-- all_continuations()
SELECT continuations.serial, continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations ORDER BY continuations.serial

-- find_prescriptions(prescription)
SELECT prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions WHERE prescriptions.prescription = $1::VARCHAR AND prescriptions.sign = 1 AND NOT (EXISTS (SELECT * FROM prescriptions AS back WHERE back.prescription = prescriptions.prescription AND back.sign = -1 AND back.reverses = prescriptions.settlement AND back.serial > prescriptions.serial)) ORDER BY prescriptions.serial DESC

-- all_prescriptions()
SELECT prescriptions.serial, prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions ORDER BY prescriptions.serial

-- find_visits_by_person(person)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE visits.person = $1::VARCHAR ORDER BY visits.visit

-- all_postings_legs()
SELECT postings_legs.serial, postings_legs.place, postings_legs.account, postings_legs.amount_fen FROM postings_legs ORDER BY postings_legs.serial, postings_legs.place

-- page_charges(after_visit)
SELECT charges.visit, charges.version, charges.batches FROM charges WHERE (charges.visit) > ($1::VARCHAR COLLATE "C") ORDER BY charges.visit

-- count_charges()
SELECT count(*) AS count_1 FROM charges

-- put_charges(visit, version, batches)
INSERT INTO charges (visit, version, batches) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::VARCHAR) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, batches = excluded.batches

-- drop_charges(visit)
DELETE FROM charges WHERE charges.visit = $1::VARCHAR COLLATE "C"

-- page_continuations(after_serial)
SELECT continuations.serial, continuations.settlement, continuations.continues, continuations.visit, continuations.sign, continuations.reverses FROM continuations WHERE (continuations.serial) > ($1::BIGINT) ORDER BY continuations.serial

-- count_continuations()
SELECT count(*) AS count_1 FROM continuations

-- put_continuations(serial, settlement, continues, visit, sign, reverses)
INSERT INTO continuations (serial, settlement, continues, visit, sign, reverses) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::BIGINT, $6::VARCHAR) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, continues = excluded.continues, visit = excluded.visit, sign = excluded.sign, reverses = excluded.reverses

-- drop_continuations(serial)
DELETE FROM continuations WHERE continuations.serial = $1::BIGINT

-- page_filings(after_person)
SELECT filings.person, filings.version, filings.filings, filings.stays FROM filings WHERE (filings.person) > ($1::VARCHAR COLLATE "C") ORDER BY filings.person

-- count_filings()
SELECT count(*) AS count_1 FROM filings

-- put_filings(person, version, filings, stays)
INSERT INTO filings (person, version, filings, stays) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::VARCHAR, $4::VARCHAR) ON CONFLICT (person) DO UPDATE SET version = excluded.version, filings = excluded.filings, stays = excluded.stays

-- drop_filings(person)
DELETE FROM filings WHERE filings.person = $1::VARCHAR COLLATE "C"

-- page_messages(after_serial)
SELECT messages.serial, messages.sender, messages.msgid, messages.code, messages.opened_us, messages.request, messages.reply, messages.reversed_by, messages.withdrawn FROM messages WHERE (messages.serial) > ($1::BIGINT) ORDER BY messages.serial

-- count_messages()
SELECT count(*) AS count_1 FROM messages

-- put_messages(serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn)
INSERT INTO messages (serial, sender, msgid, code, opened_us, request, reply, reversed_by, withdrawn) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::BIGINT, $6, $7, $8::VARCHAR, $9::BIGINT) ON CONFLICT (serial) DO UPDATE SET sender = excluded.sender, msgid = excluded.msgid, code = excluded.code, opened_us = excluded.opened_us, request = excluded.request, reply = excluded.reply, reversed_by = excluded.reversed_by, withdrawn = excluded.withdrawn

-- drop_messages(serial)
DELETE FROM messages WHERE messages.serial = $1::BIGINT

-- page_persons(after_person)
SELECT persons.person, persons.version, persons.year, persons.deductible_paid_fen, persons.pool_paid_fen, persons.supplementary_paid_fen, persons.stays, persons.balance_fen, persons.scope_self_paid_fen, persons.stay_deductible_paid_fen, persons.earlier_year, persons.earlier_deductible_paid_fen, persons.earlier_pool_paid_fen, persons.earlier_supplementary_paid_fen, persons.earlier_stays, persons.earlier_scope_self_paid_fen, persons.earlier_stay_deductible_paid_fen, persons.latest FROM persons WHERE (persons.person) > ($1::VARCHAR COLLATE "C") ORDER BY persons.person

-- count_persons()
SELECT count(*) AS count_1 FROM persons

-- sums_persons()
SELECT coalesce(sum(persons.deductible_paid_fen), 0) AS deductible_paid_fen, coalesce(sum(persons.pool_paid_fen), 0) AS pool_paid_fen, coalesce(sum(persons.supplementary_paid_fen), 0) AS supplementary_paid_fen, coalesce(sum(persons.balance_fen), 0) AS balance_fen, coalesce(sum(persons.scope_self_paid_fen), 0) AS scope_self_paid_fen, coalesce(sum(persons.stay_deductible_paid_fen), 0) AS stay_deductible_paid_fen, coalesce(sum(persons.earlier_deductible_paid_fen), 0) AS earlier_deductible_paid_fen, coalesce(sum(persons.earlier_pool_paid_fen), 0) AS earlier_pool_paid_fen, coalesce(sum(persons.earlier_supplementary_paid_fen), 0) AS earlier_supplementary_paid_fen, coalesce(sum(persons.earlier_scope_self_paid_fen), 0) AS earlier_scope_self_paid_fen, coalesce(sum(persons.earlier_stay_deductible_paid_fen), 0) AS earlier_stay_deductible_paid_fen FROM persons

-- put_persons(person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest)
INSERT INTO persons (person, version, year, deductible_paid_fen, pool_paid_fen, supplementary_paid_fen, stays, balance_fen, scope_self_paid_fen, stay_deductible_paid_fen, earlier_year, earlier_deductible_paid_fen, earlier_pool_paid_fen, earlier_supplementary_paid_fen, earlier_stays, earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen, latest) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT, $11::BIGINT, $12::BIGINT, $13::BIGINT, $14::BIGINT, $15::BIGINT, $16::BIGINT, $17::BIGINT, $18::VARCHAR) ON CONFLICT (person) DO UPDATE SET version = excluded.version, year = excluded.year, deductible_paid_fen = excluded.deductible_paid_fen, pool_paid_fen = excluded.pool_paid_fen, supplementary_paid_fen = excluded.supplementary_paid_fen, stays = excluded.stays, balance_fen = excluded.balance_fen, scope_self_paid_fen = excluded.scope_self_paid_fen, stay_deductible_paid_fen = excluded.stay_deductible_paid_fen, earlier_year = excluded.earlier_year, earlier_deductible_paid_fen = excluded.earlier_deductible_paid_fen, earlier_pool_paid_fen = excluded.earlier_pool_paid_fen, earlier_supplementary_paid_fen = excluded.earlier_supplementary_paid_fen, earlier_stays = excluded.earlier_stays, earlier_scope_self_paid_fen = excluded.earlier_scope_self_paid_fen, earlier_stay_deductible_paid_fen = excluded.earlier_stay_deductible_paid_fen, latest = excluded.latest

-- drop_persons(person)
DELETE FROM persons WHERE persons.person = $1::VARCHAR COLLATE "C"

-- page_postings(after_serial)
SELECT postings.serial, postings.posting, postings.settlement, postings.posted_us FROM postings WHERE (postings.serial) > ($1::BIGINT) ORDER BY postings.serial

-- count_postings()
SELECT count(*) AS count_1 FROM postings

-- put_postings(serial, posting, settlement, posted_us)
INSERT INTO postings (serial, posting, settlement, posted_us) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::BIGINT) ON CONFLICT (serial) DO UPDATE SET posting = excluded.posting, settlement = excluded.settlement, posted_us = excluded.posted_us

-- drop_postings(serial)
DELETE FROM postings WHERE postings.serial = $1::BIGINT

-- page_postings_legs(after_serial, after_place)
SELECT postings_legs.serial, postings_legs.place, postings_legs.account, postings_legs.amount_fen FROM postings_legs WHERE (postings_legs.serial, postings_legs.place) > ($1::BIGINT, $2::BIGINT) ORDER BY postings_legs.serial, postings_legs.place

-- count_postings_legs()
SELECT count(*) AS count_1 FROM postings_legs

-- sums_postings_legs()
SELECT coalesce(sum(postings_legs.amount_fen), 0) AS amount_fen FROM postings_legs

-- put_postings_legs(serial, place, account, amount_fen)
INSERT INTO postings_legs (serial, place, account, amount_fen) VALUES ($1::BIGINT, $2::BIGINT, $3::VARCHAR, $4::BIGINT) ON CONFLICT (serial, place) DO UPDATE SET account = excluded.account, amount_fen = excluded.amount_fen

-- drop_postings_legs(serial, place)
DELETE FROM postings_legs WHERE postings_legs.serial = $1::BIGINT AND postings_legs.place = $2::BIGINT

-- page_prefunds(after_care)
SELECT prefunds.care, prefunds.version, prefunds.posted_fen FROM prefunds WHERE (prefunds.care) > ($1::VARCHAR COLLATE "C") ORDER BY prefunds.care

-- count_prefunds()
SELECT count(*) AS count_1 FROM prefunds

-- sums_prefunds()
SELECT coalesce(sum(prefunds.posted_fen), 0) AS posted_fen FROM prefunds

-- put_prefunds(care, version, posted_fen)
INSERT INTO prefunds (care, version, posted_fen) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::BIGINT) ON CONFLICT (care) DO UPDATE SET version = excluded.version, posted_fen = excluded.posted_fen

-- drop_prefunds(care)
DELETE FROM prefunds WHERE prefunds.care = $1::VARCHAR COLLATE "C"

-- page_prescriptions(after_serial)
SELECT prescriptions.serial, prescriptions.settlement, prescriptions.prescription, prescriptions.person, prescriptions.valid_until_us, prescriptions.dispensed, prescriptions.sign, prescriptions.reverses, prescriptions.drugs FROM prescriptions WHERE (prescriptions.serial) > ($1::BIGINT) ORDER BY prescriptions.serial

-- count_prescriptions()
SELECT count(*) AS count_1 FROM prescriptions

-- put_prescriptions(serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs)
INSERT INTO prescriptions (serial, settlement, prescription, person, valid_until_us, dispensed, sign, reverses, drugs) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::BIGINT, $6::BIGINT, $7::BIGINT, $8::VARCHAR, $9::VARCHAR) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, prescription = excluded.prescription, person = excluded.person, valid_until_us = excluded.valid_until_us, dispensed = excluded.dispensed, sign = excluded.sign, reverses = excluded.reverses, drugs = excluded.drugs

-- drop_prescriptions(serial)
DELETE FROM prescriptions WHERE prescriptions.serial = $1::BIGINT

-- page_remembered(after_person)
SELECT remembered.person, remembered.version, remembered.past FROM remembered WHERE (remembered.person) > ($1::VARCHAR COLLATE "C") ORDER BY remembered.person

-- count_remembered()
SELECT count(*) AS count_1 FROM remembered

-- put_remembered(person, version, past)
INSERT INTO remembered (person, version, past) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::VARCHAR) ON CONFLICT (person) DO UPDATE SET version = excluded.version, past = excluded.past

-- drop_remembered(person)
DELETE FROM remembered WHERE remembered.person = $1::VARCHAR COLLATE "C"

-- page_settlement_copies(after_serial)
SELECT settlement_copies.serial, settlement_copies.settlement, settlement_copies.visit, settlement_copies.settled_by, settlement_copies.code, settlement_copies.settled_us, settlement_copies.sign, settlement_copies.total_fen, settlement_copies.own_pay_fen, settlement_copies.over_limit_fen, settlement_copies.pre_self_pay_fen, settlement_copies.in_scope_fen, settlement_copies.deductible_fen, settlement_copies.first_self_pay_fen, settlement_copies.pool_fen, settlement_copies.large_sum_fen, settlement_copies.serious_illness_fen, settlement_copies.civil_servant_fen, settlement_copies.aid_fen, settlement_copies.other_fund_fen, settlement_copies.hospital_part_fen, settlement_copies.account_fen, settlement_copies.cash_fen, settlement_copies.reverses FROM settlement_copies WHERE (settlement_copies.serial) > ($1::BIGINT) ORDER BY settlement_copies.serial

-- count_settlement_copies()
SELECT count(*) AS count_1 FROM settlement_copies

-- sums_settlement_copies()
SELECT coalesce(sum(settlement_copies.total_fen), 0) AS total_fen, coalesce(sum(settlement_copies.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(settlement_copies.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(settlement_copies.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(settlement_copies.in_scope_fen), 0) AS in_scope_fen, coalesce(sum(settlement_copies.deductible_fen), 0) AS deductible_fen, coalesce(sum(settlement_copies.first_self_pay_fen), 0) AS first_self_pay_fen, coalesce(sum(settlement_copies.pool_fen), 0) AS pool_fen, coalesce(sum(settlement_copies.large_sum_fen), 0) AS large_sum_fen, coalesce(sum(settlement_copies.serious_illness_fen), 0) AS serious_illness_fen, coalesce(sum(settlement_copies.civil_servant_fen), 0) AS civil_servant_fen, coalesce(sum(settlement_copies.aid_fen), 0) AS aid_fen, coalesce(sum(settlement_copies.other_fund_fen), 0) AS other_fund_fen, coalesce(sum(settlement_copies.hospital_part_fen), 0) AS hospital_part_fen, coalesce(sum(settlement_copies.account_fen), 0) AS account_fen, coalesce(sum(settlement_copies.cash_fen), 0) AS cash_fen FROM settlement_copies

-- put_settlement_copies(serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses)
INSERT INTO settlement_copies (serial, settlement, visit, settled_by, code, settled_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::BIGINT, $7::BIGINT, $8::BIGINT, $9::BIGINT, $10::BIGINT, $11::BIGINT, $12::BIGINT, $13::BIGINT, $14::BIGINT, $15::BIGINT, $16::BIGINT, $17::BIGINT, $18::BIGINT, $19::BIGINT, $20::BIGINT, $21::BIGINT, $22::BIGINT, $23::BIGINT, $24::VARCHAR) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, visit = excluded.visit, settled_by = excluded.settled_by, code = excluded.code, settled_us = excluded.settled_us, sign = excluded.sign, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, deductible_fen = excluded.deductible_fen, first_self_pay_fen = excluded.first_self_pay_fen, pool_fen = excluded.pool_fen, large_sum_fen = excluded.large_sum_fen, serious_illness_fen = excluded.serious_illness_fen, civil_servant_fen = excluded.civil_servant_fen, aid_fen = excluded.aid_fen, other_fund_fen = excluded.other_fund_fen, hospital_part_fen = excluded.hospital_part_fen, account_fen = excluded.account_fen, cash_fen = excluded.cash_fen, reverses = excluded.reverses

-- drop_settlement_copies(serial)
DELETE FROM settlement_copies WHERE settlement_copies.serial = $1::BIGINT

-- page_settlements(after_serial)
SELECT settlements.serial, settlements.settlement, settlements.visit, settlements.person, settlements.institution, settlements.care_region, settlements.insured_region, settlements.code, settlements.settled_by, settlements.posted_us, settlements.sign, settlements.total_fen, settlements.own_pay_fen, settlements.over_limit_fen, settlements.pre_self_pay_fen, settlements.in_scope_fen, settlements.deductible_fen, settlements.first_self_pay_fen, settlements.pool_fen, settlements.large_sum_fen, settlements.serious_illness_fen, settlements.civil_servant_fen, settlements.aid_fen, settlements.other_fund_fen, settlements.hospital_part_fen, settlements.account_fen, settlements.cash_fen, settlements.reverses, settlements.year, settlements.before, settlements.filing, settlements.business_day, settlements.care_type, settlements.disease, settlements.mid_stay, settlements.continues, settlements.merged_deductible_fen, settlements.merged_stays, settlements.hospital_level, settlements.prescription FROM settlements WHERE (settlements.serial) > ($1::BIGINT) ORDER BY settlements.serial

-- count_settlements()
SELECT count(*) AS count_1 FROM settlements

-- sums_settlements()
SELECT coalesce(sum(settlements.total_fen), 0) AS total_fen, coalesce(sum(settlements.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(settlements.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(settlements.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(settlements.in_scope_fen), 0) AS in_scope_fen, coalesce(sum(settlements.deductible_fen), 0) AS deductible_fen, coalesce(sum(settlements.first_self_pay_fen), 0) AS first_self_pay_fen, coalesce(sum(settlements.pool_fen), 0) AS pool_fen, coalesce(sum(settlements.large_sum_fen), 0) AS large_sum_fen, coalesce(sum(settlements.serious_illness_fen), 0) AS serious_illness_fen, coalesce(sum(settlements.civil_servant_fen), 0) AS civil_servant_fen, coalesce(sum(settlements.aid_fen), 0) AS aid_fen, coalesce(sum(settlements.other_fund_fen), 0) AS other_fund_fen, coalesce(sum(settlements.hospital_part_fen), 0) AS hospital_part_fen, coalesce(sum(settlements.account_fen), 0) AS account_fen, coalesce(sum(settlements.cash_fen), 0) AS cash_fen, coalesce(sum(settlements.merged_deductible_fen), 0) AS merged_deductible_fen FROM settlements

-- put_settlements(serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription)
INSERT INTO settlements (serial, settlement, visit, person, institution, care_region, insured_region, code, settled_by, posted_us, sign, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen, reverses, year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription) VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::VARCHAR, $8::VARCHAR, $9::VARCHAR, $10::BIGINT, $11::BIGINT, $12::BIGINT, $13::BIGINT, $14::BIGINT, $15::BIGINT, $16::BIGINT, $17::BIGINT, $18::BIGINT, $19::BIGINT, $20::BIGINT, $21::BIGINT, $22::BIGINT, $23::BIGINT, $24::BIGINT, $25::BIGINT, $26::BIGINT, $27::BIGINT, $28::VARCHAR, $29::BIGINT, $30::VARCHAR, $31::VARCHAR, $32::BIGINT, $33::VARCHAR, $34::VARCHAR, $35::BIGINT, $36::VARCHAR, $37::BIGINT, $38::BIGINT, $39::BIGINT, $40::VARCHAR) ON CONFLICT (serial) DO UPDATE SET settlement = excluded.settlement, visit = excluded.visit, person = excluded.person, institution = excluded.institution, care_region = excluded.care_region, insured_region = excluded.insured_region, code = excluded.code, settled_by = excluded.settled_by, posted_us = excluded.posted_us, sign = excluded.sign, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, deductible_fen = excluded.deductible_fen, first_self_pay_fen = excluded.first_self_pay_fen, pool_fen = excluded.pool_fen, large_sum_fen = excluded.large_sum_fen, serious_illness_fen = excluded.serious_illness_fen, civil_servant_fen = excluded.civil_servant_fen, aid_fen = excluded.aid_fen, other_fund_fen = excluded.other_fund_fen, hospital_part_fen = excluded.hospital_part_fen, account_fen = excluded.account_fen, cash_fen = excluded.cash_fen, reverses = excluded.reverses, year = excluded.year, before = excluded.before, filing = excluded.filing, business_day = excluded.business_day, care_type = excluded.care_type, disease = excluded.disease, mid_stay = excluded.mid_stay, continues = excluded.continues, merged_deductible_fen = excluded.merged_deductible_fen, merged_stays = excluded.merged_stays, hospital_level = excluded.hospital_level, prescription = excluded.prescription

-- drop_settlements(serial)
DELETE FROM settlements WHERE settlements.serial = $1::BIGINT

-- page_starts(after_serial)
SELECT starts.serial FROM starts WHERE (starts.serial) > ($1::BIGINT) ORDER BY starts.serial

-- put_starts(serial)
INSERT INTO starts (serial) VALUES ($1::BIGINT) ON CONFLICT (serial) DO NOTHING

-- drop_starts(serial)
DELETE FROM starts WHERE starts.serial = $1::BIGINT

-- page_trail(after_serial)
SELECT trail.serial, trail.hash, trail.content FROM trail WHERE (trail.serial) > ($1::BIGINT) ORDER BY trail.serial

-- count_trail()
SELECT count(*) AS count_1 FROM trail

-- put_trail(serial, hash, content)
INSERT INTO trail (serial, hash, content) VALUES ($1::BIGINT, $2, $3) ON CONFLICT (serial) DO UPDATE SET hash = excluded.hash, content = excluded.content

-- drop_trail(serial)
DELETE FROM trail WHERE trail.serial = $1::BIGINT

-- page_visits(after_visit)
SELECT visits.visit, visits.version, visits.institution, visits.insured_region, visits.person, visits.state, visits.opened_by, visits.opened_as, visits.total_fen, visits.own_pay_fen, visits.over_limit_fen, visits.pre_self_pay_fen, visits.in_scope_fen, visits.by_category_fen, visits.settlement, visits.settled_by, visits.held_by, visits.ended_us, visits.insurance, visits.began_us, visits.care_type, visits.diagnosis, visits.mid_stay, visits.continues FROM visits WHERE (visits.visit) > ($1::VARCHAR COLLATE "C") ORDER BY visits.visit

-- count_visits()
SELECT count(*) AS count_1 FROM visits

-- sums_visits()
SELECT coalesce(sum(visits.total_fen), 0) AS total_fen, coalesce(sum(visits.own_pay_fen), 0) AS own_pay_fen, coalesce(sum(visits.over_limit_fen), 0) AS over_limit_fen, coalesce(sum(visits.pre_self_pay_fen), 0) AS pre_self_pay_fen, coalesce(sum(visits.in_scope_fen), 0) AS in_scope_fen FROM visits

-- put_visits(visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues)
INSERT INTO visits (visit, version, institution, insured_region, person, state, opened_by, opened_as, total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, by_category_fen, settlement, settled_by, held_by, ended_us, insurance, began_us, care_type, diagnosis, mid_stay, continues) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::VARCHAR, $8::VARCHAR, $9::BIGINT, $10::BIGINT, $11::BIGINT, $12::BIGINT, $13::BIGINT, $14::VARCHAR, $15::VARCHAR, $16::VARCHAR, $17::VARCHAR, $18::BIGINT, $19::VARCHAR, $20::BIGINT, $21::VARCHAR, $22::VARCHAR, $23::BIGINT, $24::VARCHAR) ON CONFLICT (visit) DO UPDATE SET version = excluded.version, institution = excluded.institution, insured_region = excluded.insured_region, person = excluded.person, state = excluded.state, opened_by = excluded.opened_by, opened_as = excluded.opened_as, total_fen = excluded.total_fen, own_pay_fen = excluded.own_pay_fen, over_limit_fen = excluded.over_limit_fen, pre_self_pay_fen = excluded.pre_self_pay_fen, in_scope_fen = excluded.in_scope_fen, by_category_fen = excluded.by_category_fen, settlement = excluded.settlement, settled_by = excluded.settled_by, held_by = excluded.held_by, ended_us = excluded.ended_us, insurance = excluded.insurance, began_us = excluded.began_us, care_type = excluded.care_type, diagnosis = excluded.diagnosis, mid_stay = excluded.mid_stay, continues = excluded.continues

-- drop_visits(visit)
DELETE FROM visits WHERE visits.visit = $1::VARCHAR COLLATE "C"
