package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallyman/internal/fault"
)

// Owner is the owner of a session: the name of an API key, or Local. Like an ID it is
// an opaque string of 1 to 255 bytes of UTF-8 without control characters.
type Owner string

// Local is the only owner on a server without keys (DESIGN.md §8).
const Local Owner = "local"

// ID is a session's name within its owner: exactly what the front end sent, or what
// Mint made. It is an opaque string of 1 to 255 bytes of UTF-8 without control
// characters (DESIGN.md §6), a key and never a path or part of one.
//
// IDs are equal only if their bytes are: no case is folded, no space trimmed, no
// Unicode form normalised. Control characters are those of Unicode's general category
// Cc (U+0000 to U+001F, U+007F to U+009F). Invisible and direction-changing
// characters (category Cf, such as U+202E) are ordinary parts of a key; escape an ID
// before people see it.
type ID string

// MaxIDBytes is the length of the longest ID and Owner.
const MaxIDBytes = 255

// Minted is the prefix of the IDs that Mint makes. Clients may choose such an ID for
// themselves; it has no special meaning.
const Minted = "s_"

// Mint makes an ID that cannot be guessed: Minted and 26 characters a-z, 2-7
// that carry 130 random bits.
func Mint() ID { return Minted + ID(strings.ToLower(rand.Text())) }

// Key identifies one session: the same ID under two owners is two sessions.
type Key struct {
	Owner Owner
	ID    ID
}

// Check returns nil if the key can name a session, and otherwise a fault with code
// BadID (or fault.BadRequest for the owner) that says what is wrong without repeating
// the ID. Every Store checks every key.
func (k Key) Check() error {
	if why := wrong(string(k.ID)); why != "" {
		return fault.New(BadID, "the session ID %s; use 1 to %d bytes of UTF-8 without control characters", why, MaxIDBytes)
	}
	return k.Owner.Check()
}

// Check returns nil if the owner can own anything, and otherwise a fault with code
// fault.BadRequest.
func (o Owner) Check() error {
	if why := wrong(string(o)); why != "" {
		return fault.New(fault.BadRequest, "the owner's name %s; use 1 to %d bytes of UTF-8 without control characters", why, MaxIDBytes)
	}
	return nil
}

// wrong says why s is not an ID or an owner's name; it returns "" if it is one.
func wrong(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxIDBytes:
		return "is too long: " + strconv.Itoa(len(s)) + " bytes"
	}
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return "is not valid UTF-8 at byte " + strconv.Itoa(i+1)
		case r < 0x20 || r >= 0x7f && r <= 0x9f:
			return "holds a control character at byte " + strconv.Itoa(i+1)
		}
		i += n
	}
	return ""
}

// Hash is a short name of the session for logs: it tells sessions apart without
// giving away an ID, which may be a credential.
func (k Key) Hash() string {
	h := sha256.Sum256([]byte(string(k.Owner) + "\x00" + string(k.ID)))
	return hex.EncodeToString(h[:6])
}

// Compare orders keys by owner and then ID, both by their bytes. It is the
// order in which stores list sessions.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(string(k.Owner), string(o.Owner)); c != 0 {
		return c
	}
	return strings.Compare(string(k.ID), string(o.ID))
}

// Incarnation identifies one life of a session ID (DESIGN.md §1): 128 random bits,
// drawn when the life begins. A counter that restarts after a clear would make two
// lives look the same.
type Incarnation [16]byte

// NewIncarnation draws a new incarnation.
func NewIncarnation() Incarnation {
	var i Incarnation
	rand.Read(i[:]) // never fails; it ends the process instead
	return i
}

// String returns the incarnation in hexadecimal.
func (i Incarnation) String() string { return hex.EncodeToString(i[:]) }
