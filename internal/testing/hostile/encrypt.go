package hostile

import (
	"bytes"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
)

// padding fills passwords up to 32 bytes (ISO 32000-1, 7.6.3.3, algorithm 2).
const padding = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08" +
	"\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// EncryptedPDF is a PDF of one page with a few words, encrypted with the standard
// security handler, RC4 and a key of 40 bits. With the user password "" it opens
// without a password, and only changes need the owner's.
func EncryptedPDF(user, owner, words string) []byte {
	var d document
	const permissions = 0xFFFFFFFC
	id := bytes.Repeat([]byte{0x5A}, 16)
	pad := func(password string) []byte { return []byte((password + padding)[:32]) }
	key := func(parts ...[]byte) []byte {
		sum := md5.Sum(bytes.Join(parts, nil))
		return sum[:5]
	}
	o := crypt(key(pad(owner)), pad(user))
	file := key(pad(user), o, binary.LittleEndian.AppendUint32(nil, permissions), id)
	u := crypt(file, []byte(padding))

	number := d.next(0)
	object := md5.Sum(append(file, byte(number), byte(number>>8), byte(number>>16), 0, 0))
	content := d.stream("", crypt(object[:10], shown(words)))
	root := d.pages(helvetica, content, 1)
	lock := d.add("<< /Filter /Standard /V 1 /R 2 /P -4 /O <%X> /U <%X> >>", o, u)
	return d.bytes(root, fmt.Sprintf("/Encrypt %d 0 R /ID [<%X> <%X>]", lock, id, id))
}

// LockedPDF is a PDF that is encrypted by an unknown security handler.
func LockedPDF() []byte {
	var d document
	root := d.pages(helvetica, d.words("locked"), 1)
	lock := d.add("<< /Filter /Example.Lock /V 1 /R 2 /P -4 /O <00> /U <00> >>")
	return d.bytes(root, fmt.Sprintf("/Encrypt %d 0 R /ID [<00> <00>]", lock))
}

func crypt(key, data []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		panic(err) // keys have 5 or 10 bytes
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}
