package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"tallyman/internal/fault"
)

// Claimer is what a Store may also be: one that remembers whose contents it
// holds. Who sweeps orphans asks it first: contents that no row of one's own
// names may be another's.
type Claimer interface {
	// Claim records whose contents the store holds, unless somebody has
	// before, and returns what is recorded. Of several who claim at once one
	// wins, and all are told who. What is recorded is durable. An owner is 1 to
	// 64 of the characters a-z, 0-9 and -.
	Claim(ctx context.Context, owner string) (string, error)

	// Claimed returns what is recorded, "" for nobody. It changes nothing.
	Claimed(ctx context.Context) (string, error)
}

// Foreign is the fault of contents that belong to others.
const Foreign fault.Code = "foreign_contents"

// Own makes sure that contents are an owner's, and claims them if they are
// nobody's. It fails with Foreign, and with the codes of storage. Of a Store
// that is no Claimer it knows nothing, and says so by nil.
func Own(ctx context.Context, s Store, owner string) error {
	c, ok := s.(Claimer)
	if !ok {
		return nil
	}
	recorded, err := c.Claim(ctx, owner)
	if err != nil {
		return err
	}
	if recorded != owner {
		return fault.New(Foreign, "the place for the contents of files is in use by another Tallyman (%.16s…, this one is %.16s…); give each a folder, or a prefix of the bucket, of its own", recorded, owner)
	}
	return nil
}

// OwnerOf makes an owner's name of a secret that all who share the contents
// have. It does not give the secret away.
func OwnerOf(secret []byte) string {
	sum := sha256.Sum256(append([]byte("tallyman contents\x00"), secret...))
	return hex.EncodeToString(sum[:16])
}

// ClaimName is what Claimers call the place where they record the owner. It is
// not a key.
const ClaimName = "tallyman-owner"
