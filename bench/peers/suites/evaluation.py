"""lm-eval's Hugging Face backend on the same requests, tokens in hand: batches of 16, its best on a CPU ("auto" is slower)."""
import logging
import math

import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from .llama_folder import load

from lm_eval.models.huggingface import HFLM


class Case:
    def __init__(self, parameters):
        logging.disable(logging.WARNING)
        words = {f"w{i}": i for i in range(parameters["vocabulary"])}
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), bos_token="w1", eos_token="w2", pad_token="w3"
        )
        model = load(parameters["dir"], parameters["device"])
        self.lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=16, max_length=1024, device=parameters["device"])
        self.requests = [
            ((f"{i}", f"{c}"), context, answer)
            for i, (context, answers) in enumerate(parameters["items"])
            for c, answer in enumerate(answers)
        ]
        self.choices = len(parameters["items"][0][1])
        self.operations = len(self.requests)
        self.forms = {"lm_eval": self.run}

    def run(self):
        return self.lm._loglikelihood_tokens(self.requests, disable_tqdm=True)

    def check(self, form):
        self.lm.softmax_dtype = torch.float32  # bf16 sums of 130 nats are whole numbers
        sums = [value for value, _ in self.run()]
        self.lm.softmax_dtype = None
        best = [max(range(self.choices), key=lambda c: sums[i + c]) for i in range(0, len(sums), self.choices)]
        return {"logLikelihoods": [math.sqrt(sum(x * x for x in sums)), *sums], "choices": [1, *best]}


prepare = Case
