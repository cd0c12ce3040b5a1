package history

// schema2 adds what is new: what was seen before, and what was not. A history of schema 1 has seen what it has stored. Totals by
// program and host get a grain of their own, and what is open says how much of it is in totals: its beginning, and so many bytes; what is to be added to
// totals waits in pending.
const schema2 = `
CREATE TABLE known(kind INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY(kind, who, what)) WITHOUT ROWID;
CREATE TABLE news(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, proto INTEGER NOT NULL, family INTEGER NOT NULL,
	state INTEGER NOT NULL, local INTEGER NOT NULL, lport INTEGER NOT NULL, remote INTEGER NOT NULL, rport INTEGER NOT NULL,
	program INTEGER NOT NULL, process INTEGER NOT NULL, uid INTEGER NOT NULL, netns INTEGER NOT NULL);
CREATE INDEX news_time ON news(time);

ALTER TABLE live ADD COLUMN summed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE live ADD COLUMN summed_rx INTEGER NOT NULL DEFAULT 0;
ALTER TABLE live ADD COLUMN summed_tx INTEGER NOT NULL DEFAULT 0;
UPDATE live SET summed_rx = rx, summed_tx = tx;
CREATE TABLE pending(moment INTEGER NOT NULL, program INTEGER NOT NULL, remote INTEGER NOT NULL, host INTEGER NOT NULL,
	rx INTEGER NOT NULL, tx INTEGER NOT NULL, opened INTEGER NOT NULL, closed INTEGER NOT NULL);
INSERT INTO total SELECT 3, start, program, host, rx, tx, opened, closed FROM total WHERE grain = 2 AND program != 0 AND host != 0;
DELETE FROM total WHERE grain = 2 AND program != 0 AND host != 0;

INSERT OR IGNORE INTO known SELECT 1, iif(p.exe = '', p.name, p.exe), '', p.seen, p.seen FROM program p;
INSERT OR IGNORE INTO known SELECT 2, iif(p.exe = '', p.name, p.exe), l.proto || '/' || l.lport || '/' || hex(h.addr), l.opened, max(l.opened, l.closed)
	FROM (SELECT * FROM listener UNION ALL SELECT ` + "id, " + lifeNames + ` FROM live WHERE state = 10) l JOIN program p ON p.id = l.program JOIN host h ON h.id = l.local;
INSERT OR IGNORE INTO known SELECT 3, iif(p.exe = '', p.name, p.exe), g.iso, h.seen, h.seen
	FROM total t JOIN program p ON p.id = t.program JOIN host h ON h.id = t.host JOIN place g ON g.id = h.place WHERE t.grain = 3 AND g.iso != '';
INSERT OR IGNORE INTO known SELECT 4, iif(p.exe = '', p.name, p.exe), g.asn, h.seen, h.seen
	FROM total t JOIN program p ON p.id = t.program JOIN host h ON h.id = t.host JOIN place g ON g.id = h.place WHERE t.grain = 3 AND g.asn != 0;
INSERT OR IGNORE INTO known SELECT 5, iif(p.exe = '', p.name, p.exe), hex(h.addr), h.seen, h.seen
	FROM total t JOIN program p ON p.id = t.program JOIN host h ON h.id = t.host WHERE t.grain = 3 AND hex(h.addr) NOT IN ('00000000000000000000000000000000', '00000000000000000000FFFF00000000');
`
