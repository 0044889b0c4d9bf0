package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"tallyman/internal/fault"
)

// Claimer is an optional interface of a Store that records the owner of its contents. A
// sweep of orphans checks the owner first: contents that no row names may belong to
// another installation.
type Claimer interface {
	// Claim records the owner of the contents, unless one is recorded already, and
	// returns the recorded owner. Of several concurrent claims one wins, and all
	// return the winner. The record is durable. An owner is 1 to 64 of the characters
	// a-z, 0-9 and -.
	Claim(ctx context.Context, owner string) (string, error)

	// Claimed returns the recorded owner, "" if there is none. It changes nothing.
	Claimed(ctx context.Context) (string, error)
}

// Foreign is the code of a fault about contents that belong to another owner.
const Foreign fault.Code = "foreign_contents"

// Own makes sure that contents belong to an owner, and claims them if they have none.
// It fails with Foreign, and with the codes of storage. It returns nil for a Store
// that is not a Claimer.
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
		return fault.New(Foreign, "the place for the contents of files is in use by another Tallyman (%.16s…, this one is %.16s…); give each installation a separate folder, or a separate prefix of the bucket", recorded, owner)
	}
	return nil
}

// OwnerOf derives an owner's name from a secret that all processes with the same
// contents share. It does not reveal the secret.
func OwnerOf(secret []byte) string {
	sum := sha256.Sum256(append([]byte("tallyman contents\x00"), secret...))
	return hex.EncodeToString(sum[:16])
}

// ClaimName is the name under which Claimers record the owner. It is not a key.
const ClaimName = "tallyman-owner"
