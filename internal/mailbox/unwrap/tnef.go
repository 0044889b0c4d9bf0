package unwrap

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// Outlook and Exchange wrap attachments in a file winmail.dat (MS-OXTNEF): attributes, each with
// level, identifier, length, data and a sum. Read is what an attachment and its name consist of.
const (
	tnefMark = 0x223e9f78

	attachRendering = 0x00069002 // a new attachment begins
	attachTitle     = 0x00018010 // its short name
	attachData      = 0x0006800f // its content
	attachProps     = 0x00069005 // its MAPI properties

	propDataObject  = 0x3701 // a message or an OLE object instead of a content
	propDisplayName = 0x3001
	propName        = 0x3704
	propLongName    = 0x3707
)

func isTNEF(head []byte) bool {
	return len(head) >= 4 && binary.LittleEndian.Uint32(head) == tnefMark
}

var errTNEF = errors.New("not TNEF")

// tnef takes the attachments out of a file winmail.dat.
func (u *unwrapper) tnef(r io.ReaderAt, f File, depth int) error {
	if err := u.deeper(depth); err != nil {
		return err
	}
	var name, long string
	var data *io.SectionReader
	flush := func() error {
		if data == nil {
			return nil
		}
		out, _, err := u.save(cmp.Or(long, name), data, false)
		name, long, data = "", "", nil
		if err != nil {
			return err
		}
		return u.open(out, depth)
	}
	at := int64(6) // after the mark and a key
	for at < f.Size {
		var h [9]byte
		if _, err := r.ReadAt(h[:], at); err != nil {
			u.leave("%s ends in the middle.", f.Name)
			break
		}
		id, n := binary.LittleEndian.Uint32(h[1:]), int64(binary.LittleEndian.Uint32(h[5:]))
		if at += int64(len(h)); n > f.Size-at {
			u.leave("%s ends in the middle.", f.Name)
			break
		}
		if err := u.count(); err != nil {
			return err
		}
		body := io.NewSectionReader(r, at, n)
		at += n + 2 // the sum
		switch id {
		case attachRendering:
			if err := flush(); err != nil {
				return err
			}
			name, long = "", ""
		case attachTitle:
			b, err := io.ReadAll(io.LimitReader(body, 1<<10))
			if err != nil {
				return unwritable(err)
			}
			name = ansi(b)
		case attachData:
			data = body
		case attachProps:
			l, object, err := properties(body)
			long = cmp.Or(l, long)
			switch {
			case err != nil && !errors.Is(err, errTNEF):
				return unwritable(err)
			case object != nil:
				// A message within the message has a mark and attributes of its own.
				head := make([]byte, 20)
				if _, err := object.ReadAt(head, 0); err == nil && isTNEF(head[16:]) {
					inner := io.NewSectionReader(object, 16, object.Size()-16)
					if err := u.tnef(inner, File{Name: f.Name, Size: inner.Size()}, depth+1); err != nil {
						return err
					}
				} else if data == nil {
					u.leave("%s in %s is an object of Office, not a file; attach the file itself.", nameOr(long, "An attachment"), f.Name)
				}
			}
		}
	}
	return flush()
}

// ansi decodes a name of one byte for each character.
func ansi(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	if d, err := charmap.Windows1252.NewDecoder().String(s); err == nil {
		return d
	}
	return s
}

// properties reads the name of an attachment, and the object that it consists of, from its MAPI
// properties. What was read before an error counts.
func properties(body *io.SectionReader) (name string, object *io.SectionReader, err error) {
	p := &props{r: body}
	rank := 0 // of the name: the long one wins
	for n := p.u32(); n > 0 && p.err == nil; n-- {
		tag := p.u32()
		kind, id := tag&0xffff, tag>>16
		if id >= 0x8000 { // a property with a name of its own
			p.skip(16)
			if p.u32() == 0 {
				p.skip(4)
			} else {
				p.padded(int64(p.u32()))
			}
		}
		many := uint32(1)
		variable := kind&0x0fff == 0x1e || kind&0x0fff == 0x1f || kind&0x0fff == 0x0d || kind&0x0fff == 0x102
		if kind&0x1000 != 0 || variable {
			many = p.u32()
		}
		for ; many > 0 && p.err == nil; many-- {
			if !variable {
				p.skip(fixed(kind & 0x0fff))
				continue
			}
			size := int64(p.u32())
			at := p.at
			p.padded(size)
			if p.err != nil {
				break
			}
			value := io.NewSectionReader(body, at, size)
			r := map[uint32]int{propDisplayName: 1, propName: 2, propLongName: 3}[id]
			switch {
			case id == propDataObject && kind == 0x0d:
				object = value
			case r > rank && (kind == 0x1e || kind == 0x1f):
				b, err := io.ReadAll(io.LimitReader(value, 1<<10))
				if err != nil {
					return name, object, err
				}
				s := ansi(b)
				if kind == 0x1f {
					s = wide(b)
				}
				if strings.TrimSpace(s) != "" {
					name, rank = s, r
				}
			}
		}
	}
	if p.err == io.EOF {
		p.err = errTNEF
	}
	return name, object, p.err
}

// fixed is how long a value of a kind is, with what fills it up to four bytes; 0 for unknown
// kinds.
func fixed(kind uint32) int64 {
	switch kind {
	case 0x02, 0x03, 0x04, 0x0a, 0x0b:
		return 4
	case 0x05, 0x06, 0x07, 0x14, 0x40:
		return 8
	case 0x48:
		return 16
	}
	return 0
}

func wide(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		c := binary.LittleEndian.Uint16(b[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// props reads properties. After an error nothing moves.
type props struct {
	r   *io.SectionReader
	at  int64
	err error
}

func (p *props) u32() uint32 {
	var b [4]byte
	if p.err == nil {
		_, p.err = p.r.ReadAt(b[:], p.at)
		p.at += 4
	}
	if p.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b[:])
}

func (p *props) skip(n int64) {
	switch {
	case p.err != nil:
	case n <= 0 || n > p.r.Size()-p.at: // nothing that is read has no length
		p.err = errTNEF
	default:
		p.at += n
	}
}

func (p *props) padded(n int64) {
	if n > 0 {
		p.skip((n + 3) &^ 3)
	}
}
