"""Chromium without scripts, controlled through chromedriver."""

import os
import shutil
import tempfile

from lib.webdriver import WebDriver


class Chromium(WebDriver):
    """One session. Files are downloaded into the folder `downloads`."""

    def __init__(self, downloads):
        self.profile = tempfile.TemporaryDirectory()
        arguments = [
            "--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
            "--user-data-dir=" + self.profile.name,
        ]
        if os.getuid() == 0:
            arguments.append("--no-sandbox")
        preferences = {
            "profile.managed_default_content_settings.javascript": 2,
            "download.default_directory": str(downloads),
        }
        options = {"binary": shutil.which("chromium"), "args": arguments, "prefs": preferences}
        super().__init__([shutil.which("chromedriver")], {"browserName": "chrome", "goog:chromeOptions": options})

    def __exit__(self, *_):
        super().__exit__(*_)
        self.profile.cleanup()
