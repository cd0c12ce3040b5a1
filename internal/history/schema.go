package history

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID stands in the file's header (PRAGMA application_id): "sock" in ASCII.
const applicationID = 0x736f636b

// migrations make a schema of each version into the next; the first makes one of an empty file. A file's version is
// PRAGMA user_version. One that was released is never changed.
var migrations = [...]string{schema1, schema2}

// version is that of the schema this program writes.
const version = len(migrations)

// lifeColumns are those of a life, in every table of lives. See Life for what they mean.
const lifeColumns = `
	span INTEGER NOT NULL, opened INTEGER NOT NULL, closed INTEGER NOT NULL, flags INTEGER NOT NULL,
	proto INTEGER NOT NULL, family INTEGER NOT NULL, state INTEGER NOT NULL,
	local INTEGER NOT NULL, lport INTEGER NOT NULL, remote INTEGER NOT NULL, rport INTEGER NOT NULL,
	program INTEGER NOT NULL, process INTEGER NOT NULL, owners INTEGER NOT NULL,
	uid INTEGER NOT NULL, netns INTEGER NOT NULL, rx INTEGER NOT NULL, tx INTEGER NOT NULL,
	basis INTEGER NOT NULL, source INTEGER NOT NULL, owner_from INTEGER NOT NULL, missing INTEGER NOT NULL`

const schema1 = `
CREATE TABLE session(id INTEGER PRIMARY KEY, started INTEGER NOT NULL, alive INTEGER NOT NULL, ended INTEGER NOT NULL,
	boot TEXT NOT NULL, host TEXT NOT NULL);
CREATE TABLE gap(time INTEGER NOT NULL, lost INTEGER NOT NULL, why TEXT NOT NULL);
CREATE INDEX gap_time ON gap(time);

CREATE TABLE program(id INTEGER PRIMARY KEY, name TEXT NOT NULL, exe TEXT NOT NULL, unit TEXT NOT NULL, seen INTEGER NOT NULL,
	UNIQUE(name, exe, unit));
CREATE TABLE process(id INTEGER PRIMARY KEY, program INTEGER NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL,
	cmdline TEXT NOT NULL, user TEXT NOT NULL, seen INTEGER NOT NULL, UNIQUE(pid, started, program));
CREATE TABLE owners(id INTEGER NOT NULL, process INTEGER NOT NULL, PRIMARY KEY(id, process)) WITHOUT ROWID;
CREATE TABLE place(id INTEGER PRIMARY KEY, iso TEXT NOT NULL, country TEXT NOT NULL, region TEXT NOT NULL, city TEXT NOT NULL,
	district TEXT NOT NULL, isp TEXT NOT NULL, org TEXT NOT NULL, asn INTEGER NOT NULL, latitude REAL NOT NULL,
	longitude REAL NOT NULL, positioned INTEGER NOT NULL, special TEXT NOT NULL, source TEXT NOT NULL, network TEXT NOT NULL,
	UNIQUE(iso, country, region, city, district, isp, org, asn, latitude, longitude, positioned, special, source, network));
CREATE TABLE host(id INTEGER PRIMARY KEY, addr BLOB NOT NULL, zone TEXT NOT NULL, place INTEGER NOT NULL, seen INTEGER NOT NULL,
	UNIQUE(addr, zone, place));

CREATE TABLE live(id INTEGER PRIMARY KEY, cookie INTEGER NOT NULL, ` + lifeColumns + `);
CREATE TABLE connection(id INTEGER PRIMARY KEY, ` + lifeColumns + `);
CREATE INDEX connection_time ON connection(span, opened);
CREATE INDEX connection_lport ON connection(lport, span, opened);
CREATE INDEX connection_rport ON connection(rport, span, opened);
CREATE INDEX connection_program ON connection(program, span, opened);
CREATE INDEX connection_remote ON connection(remote, span, opened);
CREATE INDEX connection_owners ON connection(owners) WHERE owners != 0;
CREATE TABLE listener(id INTEGER PRIMARY KEY, ` + lifeColumns + `);
CREATE INDEX listener_port ON listener(lport, closed);

CREATE TABLE interface(id INTEGER PRIMARY KEY, name TEXT NOT NULL, netns INTEGER NOT NULL, kind TEXT NOT NULL,
	UNIQUE(name, netns, kind));
CREATE TABLE traffic(grain INTEGER NOT NULL, interface INTEGER NOT NULL, time INTEGER NOT NULL, covered INTEGER NOT NULL,
	rx_bytes INTEGER NOT NULL, tx_bytes INTEGER NOT NULL, rx_packets INTEGER NOT NULL, tx_packets INTEGER NOT NULL,
	bad INTEGER NOT NULL, PRIMARY KEY(grain, interface, time)) WITHOUT ROWID;
CREATE TABLE total(grain INTEGER NOT NULL, start INTEGER NOT NULL, program INTEGER NOT NULL, host INTEGER NOT NULL,
	rx INTEGER NOT NULL, tx INTEGER NOT NULL, opened INTEGER NOT NULL, closed INTEGER NOT NULL,
	PRIMARY KEY(grain, start, program, host)) WITHOUT ROWID;
`

// migrate brings the file to this program's version, each step whole or not at all.
func migrate(ctx context.Context, db *sql.DB) error {
	have, err := ours(ctx, db)
	if err != nil {
		return err
	}
	for v := have; v < version; v++ {
		if err := step(ctx, db, v); err != nil {
			return fmt.Errorf("from schema %d to %d: %w", v, v+1, err)
		}
	}
	return nil
}

// step is one migration.
func step(ctx context.Context, db *sql.DB, from int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, from+1)
	if _, err := tx.ExecContext(ctx, migrations[from]+marks); err != nil {
		return err
	}
	return tx.Commit()
}

// ours is the version of a file that is a history, or is still empty, and that this program knows.
func ours(ctx context.Context, db *sql.DB) (have int, err error) {
	have, app, err := versions(ctx, db)
	switch {
	case err != nil:
	case app != applicationID && (app != 0 || have != 0 || !blank(ctx, db)):
		err = ErrForeign
	case have > version:
		err = fmt.Errorf("%w: its schema is %d, this one knows %d", ErrNewer, have, version)
	}
	return have, err
}

func versions(ctx context.Context, db *sql.DB) (have, app int, err error) {
	if err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return 0, 0, err
	}
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app)
	return have, app, err
}

// blank reports whether there is nothing in the file yet.
func blank(ctx context.Context, db *sql.DB) bool {
	n := 0
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
	return err == nil && n == 0
}
