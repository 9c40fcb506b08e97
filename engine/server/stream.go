package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// One request: a streamed completion. The stream is Server-Sent Events, of which OpenAI's API uses one kind of line:
//
//	data: {"choices":[{"text":" the","finish_reason":null}]}
//	data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}
//	data: [DONE]
//
// Each line is stamped when it has been read. A line may hold several tokens, and one of a token may hold no text (half of
// a character, a token that is not shown), so tokens are counted by the server (usage), and lines are arrivals of tokens.

// completion is the body of a request. What sampling it wants is said even where it is the default: a server's defaults
// may come from the model's generation_config.json.
func (p *endpoint) completion(model string, r *engine.Request, salt string) map[string]any {
	b := map[string]any{
		"model": model, "max_tokens": r.Params.MaxTokens, "temperature": r.Params.Temperature, "top_p": r.Params.TopP,
		"stream": true, "stream_options": map[string]any{"include_usage": true},
	}
	if r.PromptTokenIDs != nil {
		b["prompt"] = r.PromptTokenIDs
	} else {
		b["prompt"] = r.Prompt
	}
	if r.Params.Seed != nil {
		b["seed"] = *r.Params.Seed
	}
	if len(r.Params.Stop) > 0 {
		b["stop"] = r.Params.Stop
	}
	if len(r.Params.StopTokenIDs) > 0 {
		b["stop_token_ids"] = r.Params.StopTokenIDs
	}
	penalty := r.Params.RepetitionPenalty
	if penalty == 0 {
		penalty = 1
	}
	topK := r.Params.TopK
	if topK == 0 {
		topK = -1 // all, for vLLM and SGLang alike
	}
	// Explicit where the server knows the field; elsewhere only what is asked for.
	for _, f := range []struct {
		name  string
		value any
		asked bool
	}{
		{"top_k", topK, topK > 0}, {"min_p", r.Params.MinP, r.Params.MinP > 0}, {"repetition_penalty", penalty, penalty != 1},
		{"presence_penalty", r.Params.PresencePenalty, r.Params.PresencePenalty != 0},
		{"frequency_penalty", r.Params.FrequencyPenalty, r.Params.FrequencyPenalty != 0},
		{"min_tokens", r.Params.MinTokens, r.Params.MinTokens > 0},
	} {
		if f.asked || p.dialect.takes(f.name) {
			b[f.name] = f.value
		}
	}
	if r.Params.IgnoreEOS {
		b["ignore_eos"], b["min_tokens"] = true, r.Params.MaxTokens
	}
	if salt != "" && p.dialect.takes("cache_salt") {
		b["cache_salt"] = salt // so that a warm-up round does not answer the profiled one out of the prefix cache
	}
	return b
}

// chunk is what one line brings.
type chunk struct {
	Choices []struct {
		Text         string          `json:"text"`
		FinishReason *engine.Finish  `json:"finish_reason"`
		StopReason   json.RawMessage `json:"stop_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// maxLineBytes bounds a line of a stream.
const maxLineBytes = 4 << 20

// complete sends a request and reads its answer into o. first is called at the first token.
func (p *endpoint) complete(ctx context.Context, body map[string]any, o *engine.Output, first func()) error {
	q, err := p.request(ctx, http.MethodPost, "/v1/completions", body)
	if err != nil {
		return err
	}
	o.Arrival = time.Now()
	r, err := p.http.Do(q)
	if err != nil {
		return plain(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		a := answer{status: r.StatusCode}
		a.text, _ = io.ReadAll(io.LimitReader(r.Body, answerBytes)) // what came of it says enough
		return fmt.Errorf("%s (%d)", a.words(), r.StatusCode)
	}
	s := stream{o: o, first: first}
	return s.read(r.Body)
}

// stream reads one answer.
type stream struct {
	o     *engine.Output
	first func()
	text  bytes.Buffer
	lines int  // that brought tokens
	bare  bool // the last of them had no text and ended the output: it may be no token
	done  bool
}

func (s *stream) read(body io.Reader) error {
	defer s.finish()
	lines := bufio.NewReaderSize(body, 4<<10)
	var long []byte // a line that does not fit into the buffer
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if long = append(long, line...); len(long) > maxLineBytes {
				return errors.New("a line of the stream is longer than any answer")
			}
			continue
		case len(long) > 0:
			line = append(long, line...)
			long = nil
		}
		if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data:")); ok {
			if stop, err := s.take(bytes.TrimSpace(data)); stop || err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && s.done:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("the server ended the stream before the answer was complete")
		default:
			return plain(err)
		}
	}
}

// take reads the data of one line, and tells whether it was the last.
func (s *stream) take(data []byte) (last bool, err error) {
	if string(data) == "[DONE]" {
		return true, nil
	}
	now := time.Now()
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return false, fmt.Errorf("the stream has a line that is not JSON: %w", err)
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		a := answer{text: data}
		return false, errors.New(a.words())
	}
	if c.Usage != nil {
		s.o.PromptCount, s.o.OutputCount = c.Usage.PromptTokens, c.Usage.CompletionTokens
	}
	if len(c.Choices) == 0 {
		return false, nil
	}
	choice := &c.Choices[0]
	s.lines++
	if s.lines == 1 {
		s.o.FirstToken = now
		if s.first != nil {
			s.first()
		}
	} else {
		s.o.Gaps = append(s.o.Gaps, now.Sub(s.o.LastToken))
	}
	s.o.LastToken = now
	s.text.WriteString(choice.Text)
	if choice.FinishReason != nil {
		s.o.Finish, s.done = *choice.FinishReason, true
		s.bare = choice.Text == ""
		_ = json.Unmarshal(choice.StopReason, &s.o.StopReason) // a string, or the number of a token, or null
	}
	return false, nil
}

// finish makes the output of what came.
func (s *stream) finish() {
	o := s.o
	o.Text = s.text.String()
	if o.OutputCount == 0 {
		o.OutputCount = s.lines // a server that does not tell
		if s.bare && s.lines > 1 {
			o.OutputCount--
		}
	}
	if s.bare && s.lines > o.OutputCount && len(o.Gaps) > 0 {
		// The end came on a line of its own, which brought no token.
		o.LastToken = o.LastToken.Add(-o.Gaps[len(o.Gaps)-1])
		o.Gaps = o.Gaps[:len(o.Gaps)-1]
	}
}
