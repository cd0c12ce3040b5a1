package annotate

// class says what a byte may be part of.
type class uint8

const (
	digit     class = 1 << iota
	hexLetter       // a to f
	letter          // any other letter of ASCII, and the underscore
	punct           // period and colon
	dash            // what may be in the name of an interface beside word: hyphen and period

	hex  = digit | hexLetter
	word = digit | hexLetter | letter
)

// classes has the class of each byte.
var classes = [256]class{
	'0': digit, '1': digit, '2': digit, '3': digit, '4': digit, '5': digit, '6': digit, '7': digit, '8': digit, '9': digit,
	'a': hexLetter, 'b': hexLetter, 'c': hexLetter, 'd': hexLetter, 'e': hexLetter, 'f': hexLetter,
	'A': hexLetter, 'B': hexLetter, 'C': hexLetter, 'D': hexLetter, 'E': hexLetter, 'F': hexLetter,
	'g': letter, 'h': letter, 'i': letter, 'j': letter, 'k': letter, 'l': letter, 'm': letter, 'n': letter, 'o': letter, 'p': letter,
	'q': letter, 'r': letter, 's': letter, 't': letter, 'u': letter, 'v': letter, 'w': letter, 'x': letter, 'y': letter, 'z': letter,
	'G': letter, 'H': letter, 'I': letter, 'J': letter, 'K': letter, 'L': letter, 'M': letter, 'N': letter, 'O': letter, 'P': letter,
	'Q': letter, 'R': letter, 'S': letter, 'T': letter, 'U': letter, 'V': letter, 'W': letter, 'X': letter, 'Y': letter, 'Z': letter,
	'_': letter, '.': punct | dash, ':': punct, '-': dash,
}

func is(c byte, of class) bool { return classes[c]&of != 0 }

// value is that of a hexadecimal digit.
func value(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}
