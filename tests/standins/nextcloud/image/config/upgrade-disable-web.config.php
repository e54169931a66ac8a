<?php
$CONFIG = ['upgrade.disable-web' => true];
