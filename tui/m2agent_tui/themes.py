"""The theme for those who need contrast most: black, white, and few strong colours."""

from textual.theme import Theme

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#00d7ff",
    secondary="#ffffff",
    accent="#ffff00",
    warning="#ffaf00",
    error="#ff5f5f",
    success="#5fff5f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    boost="#262626",
    dark=True,
    text_alpha=1.0,
    variables={
        "foreground-muted": "#d0d0d0",
        "text-muted": "#d0d0d0",
        "border": "#ffffff",
        "footer-key-foreground": "#ffff00",
        "input-selection-background": "#00d7ff 40%",
    },
)
