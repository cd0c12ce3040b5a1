package geolegacy

import "github.com/sockeye-net/sockeye/internal/geodat"

// Record is what the data of a leaf says. Region is a code (ISO 3166-2 for the USA and Canada, else FIPS 10-4). Text is
// that of an edition of systems or providers. Texts are views of the file.
type Record struct {
	ISO                 string
	Region, City, Text  []byte
	Latitude, Longitude float64
	HasPosition         bool
}

// Record reads the data at a leaf's value.
func (d *DB) Record(value uint32) (r Record, err error) {
	switch d.kind.name {
	case "country":
		r.ISO, err = code(value-d.tree.Nodes, -1)
		return r, err
	case "city":
		return d.city(d.data(value))
	}
	r.Text, err = d.b.String(d.data(value), maxText)
	return r, err
}

// data is where the data of a value is. A value counts from the end of the tree, in which it counts the nodes too.
func (d *DB) data(value uint32) int {
	return int(value) + (2*d.kind.size-1)*int(d.tree.Nodes)
}

// city reads country (1), region and city (texts), postal code (a text), latitude and longitude (3 bytes each, in ten
// thousandths of a degree from -180).
func (d *DB) city(p int) (r Record, err error) {
	id, err := d.b.Byte(p)
	if err != nil {
		return r, err
	}
	if r.ISO, err = code(uint32(id), p); err != nil {
		return r, err
	}
	p++
	var postal []byte
	for _, s := range []*[]byte{&r.Region, &r.City, &postal} {
		if *s, err = d.b.String(p, maxText); err != nil {
			return r, err
		}
		p += len(*s) + 1
	}
	b, err := d.b.Slice(p, 6)
	if err != nil {
		return r, err
	}
	r.Latitude = (float64(geodat.Uint(b[:3])) - 180e4) / 10000
	r.Longitude = (float64(geodat.Uint(b[3:])) - 180e4) / 10000
	r.HasPosition = r.Latitude >= -90 && r.Latitude <= 90 && r.Longitude >= -180 && r.Longitude <= 180
	return r, nil
}

// code is the country at a place of the list. "--" is unknown, A1 a proxy, A2 a satellite, O1 something else. AP and EU are
// regions, told as they are.
func code(id uint32, at int) (string, error) {
	if id >= uint32(len(countries)/2) {
		return "", geodat.Errorf(at, "country number %d of %d", id, len(countries)/2)
	}
	c := countries[2*id : 2*id+2]
	if c == "--" || c[1] <= '9' {
		return "", nil
	}
	return c, nil
}

// countries are GeoIP_country_code of libGeoIP, by their number.
const countries = "" +
	"--APEUADAEAFAGAIALAMCWAOAQARASATAUAWAZBABBBDBEBFBGBHBIBJBMBNBOBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCU" +
	"CVCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRSXGAGBGDGEGFGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIN" +
	"IOIQIRISITJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNA" +
	"NCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSTSVSYSZTCTD" +
	"TFTGTHTJTKTMTNTOTLTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTRSZAZMMEZWA1A2O1AXGGIMJEBLMFBQSSO1"
