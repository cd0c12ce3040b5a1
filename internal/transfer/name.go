package transfer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// PartSuffix ends the names of files that are not complete. Nobody can send a file that is called so.
const PartSuffix = ".sockeye-part"

const maxElement = 255 // bytes; characters on Windows, which are never more

// checkName judges a name from the wire: a way down from the receiver's folder, with slashes, that stays in it. The error
// does not have the name, which stands before it wherever it is shown.
func checkName(name string, windows bool) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name has %d bytes, more than %d", len(name), maxName)
	case strings.HasPrefix(name, "/"):
		return errors.New("the name is an absolute path")
	}
	for element := range strings.SplitSeq(name, "/") {
		why := badElement(element)
		if why == "" && windows {
			why = badOnWindows(element)
		}
		if why != "" {
			return fmt.Errorf("the name %s", why)
		}
	}
	return nil
}

func badElement(s string) string {
	switch {
	case s == "":
		return "has an empty part"
	case s == "." || s == "..":
		return "leaves the folder"
	case strings.IndexByte(s, 0) >= 0:
		return "has a zero byte"
	case len(s) > maxElement:
		return fmt.Sprintf("has a part of more than %d bytes", maxElement)
	case strings.HasSuffix(strings.ToLower(s), PartSuffix):
		return "ends as files do that are not complete"
	}
	return ""
}

// badOnWindows is what Windows cannot have as a name, or has for something else: separators, drives and streams behind a
// colon, devices (also with an extension), and what it silently cuts off.
func badOnWindows(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "is no UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || strings.ContainsRune(`\:*?"<>|`, r) }):
		return "has a character that Windows does not allow"
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " "):
		return "ends with a dot or a space, which Windows cuts off"
	case isDevice(s):
		return "is a device to Windows"
	}
	return ""
}

// isDevice knows the names of MS-DOS devices: Windows heeds them in every folder and in either case, with what stands
// behind a dot left out, and takes the superscripts of Latin-1 for digits.
func isDevice(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	number, com := strings.CutPrefix(base, "COM")
	if !com {
		number, com = strings.CutPrefix(base, "LPT")
	}
	return com && utf8.RuneCountInString(number) == 1 && strings.Contains("0123456789¹²³", number)
}

// partName is where a file is kept until it is complete: beside its place. A name that would become too long is cut, and
// told from others by its hash.
func partName(name string) string {
	dir, base := path.Split(name)
	if len(base)+len(PartSuffix) > maxElement {
		sum := sha256.Sum256([]byte(base))
		n := 200
		for n > 0 && !utf8.RuneStart(base[n]) {
			n--
		}
		base = fmt.Sprintf("%s~%x", base[:n], sum[:8])
	}
	return dir + base + PartSuffix
}
