package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// sealer encrypts session keys for listings, so that a page can say where the next one
// begins without revealing IDs, which may be credentials. Another process can open them
// only if it has the same secret.
type sealer struct{ aead cipher.AEAD }

// newSealer returns a sealer with a secret of any length; nil has it draw its own.
func newSealer(secret []byte) sealer {
	var key [32]byte
	rand.Read(key[:])
	if secret != nil {
		key = sha256.Sum256(secret)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Errorf("a key of 32 bytes is refused: %w", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Errorf("AES is refused: %w", err))
	}
	return sealer{aead}
}

func (s sealer) seal(k session.Key) string {
	plain, _ := json.Marshal([2]string{string(k.Owner), string(k.ID)})
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil))
}

func errNoPage() error {
	return fault.New(fault.BadRequest, "the value of \"after\" is not the \"next\" of a page; leave it out to begin with the first page")
}

// open fails with fault.BadRequest for any value that seal did not make.
func (s sealer) open(text string) (session.Key, error) {
	var pair [2]string
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		plain, err = s.aead.Open(nil, nil, plain, nil)
	}
	if err != nil || json.Unmarshal(plain, &pair) != nil {
		return session.Key{}, errNoPage()
	}
	return session.Key{Owner: session.Owner(pair[0]), ID: session.ID(pair[1])}, nil
}
