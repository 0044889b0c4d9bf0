package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tallyman/internal/blob"
)

var _ blob.Claimer = (*Store)(nil)

// Claim implements blob.Claimer: the owner is recorded in an object beside the contents.
// On a server without conditional writes, the last of several concurrent claims wins, and
// the earlier callers may have been told another owner.
func (s *Store) Claim(ctx context.Context, owner string) (string, error) {
	const doing = "read the owner of the contents"
	recorded, err := s.owner(ctx)
	if err == nil || absent(err) != nil {
		return recorded, s.fault(ctx, doing, err)
	}
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix + blob.ClaimName),
		Body: strings.NewReader(owner), ContentLength: aws.Int64(int64(len(owner))),
		ContentType: aws.String("text/plain"), IfNoneMatch: aws.String("*"),
	}, s3.WithAPIOptions(signedWith(sha256.Sum256([]byte(owner)))))
	if _, status := codeOf(err); err != nil && status != http.StatusPreconditionFailed && status != http.StatusConflict {
		return "", s.fault(ctx, doing, err)
	}
	recorded, err = s.owner(ctx)
	return recorded, s.fault(ctx, doing, err)
}

// Claimed implements blob.Claimer.
func (s *Store) Claimed(ctx context.Context) (string, error) {
	recorded, err := s.owner(ctx)
	if err != nil && absent(err) == nil {
		return "", nil
	}
	return recorded, s.fault(ctx, "read the owner of the contents", err)
}

// owner returns the recorded owner.
func (s *Store) owner(ctx context.Context) (string, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + blob.ClaimName)})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, 1<<10))
	if err == nil && len(b) == 0 {
		err = errors.New("the object that names the owner is empty")
	}
	return strings.TrimSpace(string(b)), err
}
