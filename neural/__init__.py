"""The paper's two networks: a waveform or a spectrogram front-end with one shared back-end."""
